// Reasons that several declarations share.
export const NO_SOCKET_OPTIONS =
  'Node.js offers no way to set socket options; set the equivalent sysctl, or leave it out'
export const NO_XDS =
  'xdstp names and plugins of xDS clients are not supported by this release; use ads_config and ads: {}'
export const NOT_WATCHED = 'files are read once at start; leave it out and restart after a change'
