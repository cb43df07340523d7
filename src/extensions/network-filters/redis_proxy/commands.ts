// The commands that Envoy 1.40 takes, and what it does with each kind.

/** What is done with a command. */
export type CommandKind =
  /** Goes to the host of its first key. */
  | 'simple'
  /** EVAL and EVALSHA: to the host of the first key behind script and number. */
  | 'eval'
  /** OBJECT: to the host of its second argument. */
  | 'object'
  /** One command per key, whose results are added up. */
  | 'sum'
  | 'mget'
  | 'mset'
  /** To all hosts; the replies in one list. */
  | 'scan'
  /** INFO.SHARD: INFO of one host. */
  | 'info_shard'
  /** To any one host. */
  | 'random_shard'
  /** To all hosts; what becomes of the replies depends on the command. */
  | 'all_shards'
  | 'transaction'
  /** Answered by the proxy itself. */
  | 'local'

const words = (text: string): readonly string[] => text.trim().split(/\s+/)

const SIMPLE = words(`
  append bf.add bf.card bf.exists bf.info bf.insert bf.loadchunk bf.madd bf.mexists bf.reserve bf.scandump bitcount bitfield
  bitfield_ro bitop bitpos copy decr decrby dump expire expireat geoadd geodist geohash geopos georadius georadius_ro
  georadiusbymember georadiusbymember_ro geosearch geosearchstore get getbit getdel getex getrange getset hdel hexists hexpire
  hexpireat hexpiretime hget hgetall hincrby hincrbyfloat hkeys hlen hmget hmset hpersist hpexpire hpexpireat hpexpiretime
  hpttl hrandfield hscan hset hsetnx hstrlen httl hvals incr incrby incrbyfloat
  lindex linsert llen lmove lpop lpos lpush lpushx lrange lrem lset ltrim msetnx persist pexpire pexpireat pfadd pfcount
  pfmerge psetex pttl publish rename renamenx restore rpop rpoplpush rpush rpushx sadd scard sdiff sdiffstore set setbit
  setex setnx setrange sinter sinterstore sismember smembers smismember smove sort sort_ro spop srandmember srem sscan
  strlen substr sunion sunionstore ttl type xack xadd xautoclaim xclaim xdel xlen xpending xrange xrevrange xtrim zadd
  zcard zcount zdiff zdiffstore zincrby zinter zinterstore zlexcount zmscore zpopmax zpopmin zrandmember zrange zrangebylex
  zrangebyscore zrangestore zrank zrem zremrangebylex zremrangebyrank zremrangebyscore zrevrange zrevrangebylex
  zrevrangebyscore zrevrank zscan zscore zunion zunionstore`)

const OTHERS: readonly (readonly [CommandKind, string])[] = [
  ['eval', 'eval evalsha'],
  ['object', 'object'],
  ['sum', 'del exists touch unlink'],
  ['mget', 'mget'],
  ['mset', 'mset'],
  ['scan', 'scan'],
  ['info_shard', 'info.shard'],
  ['random_shard', 'cluster randomkey'],
  ['all_shards', 'script flushall flushdb slowlog config info keys select role'],
  ['transaction', 'multi exec discard watch unwatch'],
  ['local', 'auth hello client ping echo time quit'],
]

export const COMMANDS: ReadonlyMap<string, CommandKind> = new Map<string, CommandKind>([
  ...SIMPLE.map(name => [name, 'simple'] as const),
  ...OTHERS.flatMap(([kind, names]) => words(names).map(name => [name, kind] as const)),
])

/** Everything else reads, as far as mirrors and read policies go. */
export const WRITES: ReadonlySet<string> = new Set(
  words(`
  append bitfield bitop copy decr decrby del discard eval evalsha exec expire expireat geoadd georadius georadiusbymember
  geosearchstore getdel hdel hexpire hexpireat hincrby hincrbyfloat hmset hpersist hpexpire hpexpireat hset hsetnx incr incrby incrbyfloat linsert lmove lpop lpush lpushx
  lrem lset ltrim mset msetnx multi persist pexpire pexpireat pfadd pfmerge psetex rename renamenx restore rpop rpoplpush
  rpush rpushx sadd sdiffstore set setbit setex setnx setrange sinterstore smove sort spop srem sunionstore touch unlink
  zadd zdiffstore zincrby zinterstore zpopmax zpopmin zrangestore zrem zremrangebylex zremrangebyrank zremrangebyscore
  zunionstore`),
)

/** These stand without an argument. */
export const NO_ARGUMENTS: ReadonlySet<string> = new Set(
  words('ping time hello flushall flushdb randomkey quit role info multi exec discard watch unwatch'),
)

/** What a transaction takes beside simple commands. */
export const IN_TRANSACTION: ReadonlySet<string> = new Set(
  words('multi exec discard watch unwatch del mget mset touch unlink msetnx'),
)
