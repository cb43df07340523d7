// The messages of matcher trees; every room that has trees reads the same.
import { declareSupport } from '../../config/index.ts'

const XDS = 'xds.type.matcher.v3'
declareSupport('xds.core.v3.TypedExtensionConfig', { supported: ['name', 'typed_config'] })
declareSupport('xds.core.v3.CidrRange', { supported: ['address_prefix', 'prefix_len'] })
declareSupport(`${XDS}.Matcher`, { supported: ['matcher_list', 'matcher_tree', 'on_no_match'] })
declareSupport(`${XDS}.Matcher.OnMatch`, { supported: ['matcher', 'action'] })
declareSupport(`${XDS}.Matcher.MatcherList`, { supported: ['matchers'] })
declareSupport(`${XDS}.Matcher.MatcherList.FieldMatcher`, { supported: ['predicate', 'on_match'] })
declareSupport(`${XDS}.Matcher.MatcherList.Predicate`, {
  supported: ['single_predicate', 'or_matcher', 'and_matcher', 'not_matcher'],
})
declareSupport(`${XDS}.Matcher.MatcherList.Predicate.SinglePredicate`, {
  supported: ['input', 'value_match', 'custom_match'],
})
declareSupport(`${XDS}.Matcher.MatcherList.Predicate.PredicateList`, { supported: ['predicate'] })
declareSupport(`${XDS}.Matcher.MatcherTree`, {
  supported: ['input', 'exact_match_map', 'prefix_match_map', 'custom_match'],
})
declareSupport(`${XDS}.Matcher.MatcherTree.MatchMap`, { supported: ['map'] })
declareSupport(`${XDS}.StringMatcher`, {
  supported: ['exact', 'prefix', 'suffix', 'safe_regex', 'contains', 'ignore_case'],
})
declareSupport(`${XDS}.RegexMatcher`, { supported: ['regex', 'google_re2'] })
declareSupport(`${XDS}.RegexMatcher.GoogleRE2`, { supported: [] })
declareSupport(`${XDS}.IPMatcher`, { supported: ['range_matchers'] })
declareSupport(`${XDS}.IPMatcher.IPRangeMatcher`, { supported: ['ranges', 'on_match', 'exclusive'] })
declareSupport(`${XDS}.ServerNameMatcher`, { supported: ['domain_matchers'] })
declareSupport(`${XDS}.ServerNameMatcher.DomainMatcher`, { supported: ['domains', 'on_match'] })
