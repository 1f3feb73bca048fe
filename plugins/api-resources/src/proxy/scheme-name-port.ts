import { ApiError } from '@timonel/sdk/kube';

export interface SchemeNamePort {
  readonly secure: boolean;
  readonly name: string;
  /** A number or a name; empty: none. */
  readonly port: string;
}

/** Names below a proxy: `web`, `web:8080`, `https:web:8443`, `https:web:`. @throws ApiError BadRequest */
export function schemeNamePort(id: string, what: string): SchemeNamePort {
  const parts = id.split(':');
  const [scheme, name, port] = parts.length === 3 ? parts : ['', ...parts];
  if (parts.length > 3 || name === undefined || name === '' || !['', 'http', 'https'].includes(scheme ?? ''))
    throw new ApiError('BadRequest', `invalid ${what} request "${id}": it must be NAME, NAME:PORT or https:NAME:PORT`);
  return { secure: scheme === 'https', name, port: port ?? '' };
}

/** A port number in text; undefined: it is none. */
export function portNumber(text: string): number | undefined {
  const port = Number(text);
  return /^\d{1,5}$/.test(text) && port >= 1 && port <= 65_535 ? port : undefined;
}
