export type { CheckNote } from './check/resource-checker.ts'
export { checkBootstrap } from './check-bootstrap.ts'
export type { CompileContext, DiscoverySupport } from './compile-context.ts'
export { ConfigPath, snakeCase } from './config-path.ts'
export * from './config-source.ts'
export { dataSourceBytes, dataSourceText } from './data-source.ts'
export { type Diagnostic, type DiagnosticDetail, Diagnostics } from './diagnostics.ts'
export { durationMs, int64 } from './durations.ts'
export { type ExtensionFactory, ExtensionRegistry, type TypedConfig } from './extension-registry.ts'
export { findGenericSecret, GenericSecret } from './generic-secret.ts'
export { type ConfigSource, ConfigSources } from './load/config-sources.ts'
export {
  type ConfigFile,
  type LoadedBootstrap,
  type LoadOptions,
  type LoadRequest,
  type LoadResult,
  loadBootstrap,
} from './load/load-bootstrap.ts'
export { loadResource } from './load/load-resource.ts'
export { type ParsedText, parseResourceText } from './load/load-resource-text.ts'
export { renderDiagnostic, renderDiagnostics, sortDiagnostics } from './load/render.ts'
export {
  compileRegexMatcher,
  compileRegexRewrite,
  type RegexRewrite,
} from './matchers/regex-matcher.ts'
export {
  asciiLowerCase,
  compileListStringMatcher,
  compileStringMatcher,
  type StringPredicate,
} from './matchers/string-matcher.ts'
export {
  compileMetadataMatcher,
  compileValueMatcher,
  type MetadataPredicate,
  type ValuePredicate,
} from './matchers/value-matcher.ts'
export { type MessageCodec, messageCodec } from './message-codec.ts'
export { nearestName, typeName } from './names.ts'
export {
  currentRuntime,
  type FractionOf,
  fractionalPercent,
  type RuntimeSnapshot,
  runtimeSnapshot,
} from './runtime-snapshot.ts'
export { schemaTable } from './schema/table.ts'
export * from './secrets.ts'
export { SubscriptionStats, versionGauge } from './subscription-stats.ts'
export * from './subscriptions.ts'
export { REFUSED_EXTENSIONS } from './support/refused-extensions.ts'
export { declaredMessages, declareSupport, type MessageSupport, type SupportDeclaration, supportOf } from './support.ts'
export { supportGaps } from './support-gaps.ts'
export { compileTokenBucket } from './token-bucket.ts'
export { parseYamlTexts, type YamlResult } from './yaml/parse-yaml.ts'
