/** `timonel why pod/a --to pod/b:80`: which address, which path. */
import { isIP } from 'node:net';
import { CliError, exitCodes } from '../errors.ts';

const kinds: ReadonlyMap<string, string> = new Map([
  ['pod', 'pods'],
  ['pods', 'pods'],
  ['po', 'pods'],
  ['service', 'services'],
  ['services', 'services'],
  ['svc', 'services'],
]);

export interface TrafficFlags {
  readonly namespace: string;
  readonly to: string;
  readonly toNamespace?: string;
  readonly protocol: string;
}

interface End {
  /** `pods/web-0`, `addresses/10.0.0.1`. */
  readonly path: string;
  readonly port: string | undefined;
}

/** `KIND/NAME[:PORT]`, `ADDRESS[:PORT]` or `[ADDRESS]:PORT`. @throws CliError usage */
export function endOf(text: string): End {
  const bracketed = /^\[(?<host>[^\]]+)\](?::(?<port>[^:]+))?$/.exec(text)?.groups;
  if (bracketed === undefined && isIP(text) !== 0) return { path: `addresses/${text}`, port: undefined };
  const parts = bracketed ?? /^(?<host>[^:]*)(?::(?<port>[^:]+))?$/.exec(text)?.groups;
  const { host = '', port } = parts ?? {};
  if (isIP(host) !== 0) return { path: `addresses/${host}`, port };
  const [kind = '', name = '', ...rest] = host.split('/');
  const resource = kinds.get(kind.toLowerCase());
  if (resource === undefined || name === '' || rest.length > 0) {
    throw new CliError(
      `"${text}" is no end of a connection: name a pod, a service or an address, with its port, such as pod/web-0:8080, service/web:80 or 192.0.2.1:443.`,
      exitCodes.usage,
    );
  }
  return { path: `${resource}/${name}`, port };
}

/** @throws CliError usage */
export function trafficPath(from: string, flags: TrafficFlags): string {
  const [source, target] = [endOf(from), endOf(flags.to)];
  if (source.port !== undefined) {
    throw new CliError(`A port belongs to the end after --to, not to ${from}.`, exitCodes.usage);
  }
  const query = new URLSearchParams({ to: target.path, protocol: flags.protocol });
  if (flags.toNamespace !== undefined) query.set('toNamespace', flags.toNamespace);
  if (target.port !== undefined) query.set('port', target.port);
  const [kind = '', name = ''] = source.path.split('/');
  const object = `${kind}/${encodeURIComponent(name)}`;
  const namespace = encodeURIComponent(flags.namespace);
  return `/apis/why.timonel.dev/v1/namespaces/${namespace}/${object}/traffic?${query.toString()}`;
}
