// Network filters, listener filters, access loggers and cluster specifiers of Envoy that are refused as a whole: what each is, and what to do instead.

const NETWORK = 'envoy.extensions.filters.network'
const UDP = 'envoy.extensions.filters.udp'
const LISTENER = 'envoy.extensions.filters.listener'
const LOGGERS = 'envoy.extensions.access_loggers'
const SPECIFIERS = 'envoy.extensions.router.cluster_specifiers'
const OPAQUE = 'use tcp_proxy, which carries it without looking'
const NATIVE = 'it loads native code into Envoy, whose interface Node.js does not have'
const REDIRECTED = 'Node.js cannot ask the kernel where a redirected connection was going (SO_ORIGINAL_DST)'

/** Full type name -> the reason, as docs/compat.md prints it. */
export const REFUSED_CONNECTION_EXTENSIONS: Readonly<Record<string, string>> = {
  [`${UDP}.dynamic_modules.v3.DynamicModuleUdpListenerFilter`]: `${NATIVE}; leave it out`,
  [`${SPECIFIERS}.dynamic_modules.v3.DynamicModuleClusterSpecifier`]: `${NATIVE}; use the matcher plugin`,
  [`${SPECIFIERS}.golang.v3alpha.Config`]: `${NATIVE}; use the matcher plugin`,
  [`${NETWORK}.client_ssl_auth.v3.ClientSSLAuth`]:
    'it asks a service for certificates that may connect; use validation_context, RBAC or ext_authz',
  [`${NETWORK}.dubbo_proxy.v3.DubboProxy`]: `it speaks Dubbo; ${OPAQUE}`,
  [`${NETWORK}.dynamic_modules.v3.DynamicModuleNetworkFilter`]: `${NATIVE}; write a network filter in TypeScript (CONTRIBUTING.md)`,
  [`${NETWORK}.ext_proc.v3.NetworkExternalProcessor`]:
    'it hands the bytes of connections to a service; use ext_authz for decisions, or ext_proc on HTTP',
  [`${NETWORK}.generic_proxy.v3.GenericProxy`]: `it needs codecs that are native code; ${OPAQUE}`,
  [`${NETWORK}.geoip.v3.Geoip`]:
    'it looks addresses up in a MaxMind database; use RBAC with the networks you know, or ext_authz',
  [`${NETWORK}.golang.v3alpha.Config`]: `${NATIVE}; write a network filter in TypeScript (CONTRIBUTING.md)`,
  [`${NETWORK}.kafka_broker.v3.KafkaBroker`]: `it speaks Kafka; ${OPAQUE}`,
  [`${NETWORK}.kafka_mesh.v3alpha.KafkaMesh`]: `it speaks Kafka; ${OPAQUE}`,
  [`${NETWORK}.mongo_proxy.v3.MongoProxy`]: `it reads MongoDB's protocol for stats; ${OPAQUE}`,
  [`${NETWORK}.mysql_proxy.v3.MySQLProxy`]: `it reads MySQL's protocol for stats; ${OPAQUE}`,
  [`${NETWORK}.postgres_proxy.v3alpha.PostgresProxy`]: `it reads PostgreSQL's protocol for stats; ${OPAQUE}`,
  [`${NETWORK}.reverse_tunnel.v3.ReverseTunnel`]:
    'it takes connections that others have opened in advance; let upstreams be reached directly',
  [`${NETWORK}.rocketmq_proxy.v3.RocketmqProxy`]: `it speaks RocketMQ; ${OPAQUE}`,
  [`${NETWORK}.sip_proxy.v3alpha.SipProxy`]: `it speaks SIP; ${OPAQUE}`,
  [`${NETWORK}.thrift_proxy.v3.ThriftProxy`]: `it speaks Thrift; ${OPAQUE}`,
  [`${NETWORK}.wasm.v3.Wasm`]:
    'it runs WebAssembly by the proxy-wasm interface; write a network filter in TypeScript (CONTRIBUTING.md)',
  [`${NETWORK}.zookeeper_proxy.v3.ZooKeeperProxy`]: `it reads ZooKeeper's protocol for stats; ${OPAQUE}`,
  [`${LISTENER}.dynamic_modules.v3.DynamicModuleListenerFilter`]: `${NATIVE}; leave it out`,
  [`${LISTENER}.original_dst.v3.OriginalDst`]: `${REDIRECTED}; use PROXY protocol in front, or listen on the address itself`,
  [`${LISTENER}.original_src.v3.OriginalSrc`]:
    'it connects upstream from the client address, for which Node.js has no transparent sockets; use PROXY protocol upstream',
  [`${LOGGERS}.dynamic_modules.v3.DynamicModuleAccessLog`]: `${NATIVE}; log to a file, to stdout or by gRPC`,
  [`${LOGGERS}.fluentd.v3.FluentdAccessLogConfig`]:
    'it sends logs by the forward protocol; log to a file or stdout that Fluentd tails, or by gRPC',
  [`${LOGGERS}.stats.v3.Config`]: 'it makes stats of log lines; let the reader of the log count',
  [`${LOGGERS}.wasm.v3.WasmAccessLog`]:
    'it runs WebAssembly by the proxy-wasm interface; log to a file, to stdout or by gRPC',
}
