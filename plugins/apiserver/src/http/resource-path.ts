/** Paths of the API: `/api/v1/…` and `/apis/<group>/<version>/…`. */
export interface ResourcePath {
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
  readonly subresource: string;
  /** What follows `/proxy`, undecoded and with its slash: names on another server. */
  readonly tail: string;
}

const strange = /[/\0]/;

function decodedParts(path: string): string[] | undefined {
  const parts = path.split('/');
  parts.shift();
  if (parts.at(-1) === '') parts.pop();
  const encoded = path.includes('%');
  for (let at = 0; at < parts.length; at += 1) {
    let part = parts[at] ?? '';
    if (encoded) {
      try {
        part = decodeURIComponent(part);
      } catch {
        return undefined;
      }
      parts[at] = part;
    }
    // A part that holds a slash or nothing would name something else than it seems to.
    if (part === '' || part === '.' || part === '..' || (encoded && strange.test(part))) return undefined;
  }
  return parts;
}

const namespaceSubresources = new Set(['status', 'finalize']);

/** `/apis/<group>/<version>/namespaces/<namespace>/<resource>/<name>/<subresource>`. */
const mostParts = 8;
const proxy = 'proxy';

/** Undefined: the path does not name a resource. */
export function parseResourcePath(path: string): ResourcePath | undefined {
  if (!path.startsWith('/api')) return undefined;
  return (path.includes(`/${proxy}/`) ? parseProxied(path) : undefined) ?? parseParts(path);
}

/** Only the parts that a subresource may be are tried: what follows belongs to another server, and may hold the name very often. */
function parseProxied(path: string): ResourcePath | undefined {
  let start = 1;
  for (let part = 1; part <= mostParts; part += 1) {
    const end = path.indexOf('/', start);
    if (end < 0) return undefined;
    if (end - start === proxy.length && path.startsWith(proxy, start)) {
      const found = parseParts(path.slice(0, end));
      if (found?.subresource === proxy) return { ...found, tail: path.slice(end) };
    }
    start = end + 1;
  }
  return undefined;
}

function parseParts(path: string): ResourcePath | undefined {
  const parts = decodedParts(path);
  if (parts === undefined) return undefined;
  const [root, ...rest] = parts;
  let group = '';
  if (root === 'apis') group = rest.shift() ?? '';
  else if (root !== 'api') return undefined;
  const version = rest.shift();
  if (version === undefined || rest.length === 0) return undefined;
  let namespace: string | undefined;
  if (rest[0] === 'namespaces' && rest.length > 2 && !(rest.length === 3 && namespaceSubresources.has(rest[2] ?? ''))) {
    namespace = rest[1];
    rest.splice(0, 2);
  }
  const [resource = '', name, ...subresource] = rest;
  return { group, version, resource, namespace, name, subresource: subresource.join('/'), tail: '' };
}
