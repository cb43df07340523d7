import type { RE2JS } from 're2js'
import type {
  HistogramBucketSettingsJson,
  StatsConfigJson,
  StatsMatcherJson,
  TagSpecifierJson,
} from '#api/envoy/config/metrics/v3/stats_pb.ts'
import { re2 } from '../base/index.ts'
import {
  type CompileContext,
  type ConfigPath,
  compileListStringMatcher,
  compileStringMatcher,
  declareSupport,
  nearestName,
} from '../config/index.ts'
import {
  type BucketSetting,
  bucketSettings,
  defaultTagNames,
  defaultTagRules,
  type FixedTag,
  type StatsSettings,
  TagExtractor,
  type TagRule,
} from '../observability/index.ts'

declareSupport('envoy.config.metrics.v3.StatsConfig', {
  supported: ['stats_tags', 'use_all_default_tags', 'stats_matcher', 'histogram_bucket_settings'],
  refused: { allow_default_tag_overrides: 'set use_all_default_tags to false and name the tags to be had' },
})
declareSupport('envoy.config.metrics.v3.TagSpecifier', { supported: ['tag_name', 'regex', 'fixed_value'] })
declareSupport('envoy.config.metrics.v3.StatsMatcher', {
  supported: ['reject_all', 'inclusion_list', 'exclusion_list'],
})
declareSupport('envoy.config.metrics.v3.HistogramBucketSettings', {
  supported: ['match', 'buckets'],
  refused: { bins: 'histograms are kept in buckets of 1 % and printed in the bounds of `buckets`' },
})

/** Bootstrap.stats_config: how stats are named, chosen and printed. Applies to all output; counting is the same for all. */
export function compileStatsConfig(
  config: StatsConfigJson | undefined,
  context: CompileContext,
  path: ConfigPath,
): StatsSettings {
  const { statsTags = [], useAllDefaultTags = true, statsMatcher, histogramBucketSettings = [] } = config ?? {}
  const at = path.field('histogram_bucket_settings')
  return {
    tags: compileTags(statsTags, useAllDefaultTags, context, path.field('stats_tags')),
    bucketsOf: bucketSettings(histogramBucketSettings.map((s, i) => compileBuckets(s, context, at.index(i)))),
    keeps: compileKeeps(statsMatcher, context, path.field('stats_matcher')),
  }
}

function compileTags(
  specifiers: readonly TagSpecifierJson[],
  useDefaults: boolean,
  context: CompileContext,
  path: ConfigPath,
): TagExtractor {
  const rules: TagRule[] = []
  const fixed: FixedTag[] = []
  specifiers.forEach(({ tagName = '', regex, fixedValue }, i) => {
    const at = path.index(i)
    if (useDefaults && defaultTagNames.includes(tagName)) {
      context.diagnostics.error(at.field('tag_name'), `${tagName} is a default tag and there already`, {
        expected: 'another name, or use_all_default_tags: false',
        found: tagName,
      })
    } else if (fixedValue !== undefined) fixed.push({ tag: tagName, value: fixedValue })
    else if (regex !== undefined && regex !== '') rules.push(...regexRule(tagName, regex, context, at.field('regex')))
    else rules.push(...namedDefault(tagName, context, at.field('tag_name')))
  })
  return new TagExtractor(rules, fixed, useDefaults)
}

/** Without a regex the name stands for a default tag. */
function namedDefault(name: string, context: CompileContext, path: ConfigPath): readonly TagRule[] {
  const rules = defaultTagRules(name)
  if (rules.length > 0) return rules
  const suggestion = nearestName(name, defaultTagNames)
  context.diagnostics.error(path, `no regex is given, and ${name} is no default tag`, {
    expected: `a regex, a fixed_value, or one of ${defaultTagNames.join(', ')}`,
    found: name,
    ...(suggestion === undefined ? {} : { suggestion }),
  })
  return []
}

function regexRule(tag: string, text: string, context: CompileContext, path: ConfigPath): TagRule[] {
  let pattern: RE2JS
  try {
    pattern = re2().RE2JS.compile(text)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    context.diagnostics.error(path, `not a valid RE2 pattern: ${reason}`, {
      expected: 'RE2 syntax (no look-around, no back-references)',
      found: text,
      code: 'bad-regex',
    })
    return []
  }
  const groups = pattern.groupCount()
  if (groups === 0 || groups > 2) {
    context.diagnostics.error(path, 'a tag pattern has one or two groups: what is cut from the name, and the value', {
      found: text,
      code: 'bad-regex',
    })
    return []
  }
  return [
    {
      tag,
      find(name) {
        const matcher = pattern.matcher(name)
        if (!matcher.find() || matcher.start(1) < 0) return null
        return { start: matcher.start(1), end: matcher.end(1), value: matcher.group(groups) ?? '' }
      },
    },
  ]
}

function compileKeeps(
  matcher: StatsMatcherJson | undefined,
  context: CompileContext,
  path: ConfigPath,
): StatsSettings['keeps'] {
  if (matcher === undefined) return null
  const { rejectAll, inclusionList, exclusionList } = matcher
  if (rejectAll !== undefined) return rejectAll ? () => false : null
  if (inclusionList !== undefined) return compileListStringMatcher(inclusionList, context, path.field('inclusion_list'))
  if (exclusionList === undefined) return null
  const excluded = compileListStringMatcher(exclusionList, context, path.field('exclusion_list'))
  return name => !excluded(name)
}

function compileBuckets(
  { match = {}, buckets = [] }: HistogramBucketSettingsJson,
  context: CompileContext,
  path: ConfigPath,
): BucketSetting {
  const bounds = buckets.map(Number)
  if (bounds.some((bound, i) => !Number.isFinite(bound) || (i > 0 && bound <= bounds[i - 1]!))) {
    context.diagnostics.error(path.field('buckets'), 'bucket bounds must be finite and rising', {
      expected: 'each bound greater than the one before',
      found: `[${buckets.join(', ')}]`,
    })
  }
  return { matches: compileStringMatcher(match, context, path.field('match')), buckets: bounds }
}
