/** Which right a path of the node's server asks for, as the kubelet has it: a subresource of the node. Pure. */

/** Any of these lets the caller in. None: the path is for the control planes alone. */
export function rightsFor(path: string): readonly string[] {
  const [, root = ''] = path.split('/');
  switch (root) {
    case 'stats':
      return path === '/stats/summary' ? ['stats'] : [];
    case 'metrics':
      return ['metrics'];
    case 'pods':
    case 'runningpods':
      return ['pods', 'proxy'];
    case 'healthz':
    case 'configz':
    case 'networkz':
      return [root, 'proxy'];
    default:
      return [];
  }
}
