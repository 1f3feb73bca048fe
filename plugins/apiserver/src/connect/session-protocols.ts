/** Which protocol a client and this server both speak. */
import { channelProtocols, type ChannelProtocol } from '@timonel/sdk/streams';
import { badRequest } from '../registry/api-errors.ts';

/** The first of the client's list. @throws ApiError BadRequest */
export function sessionProtocol(offered: readonly string[]): ChannelProtocol {
  const wanted = offered.length === 0 ? [''] : offered;
  for (const name of wanted) {
    const found = channelProtocols.find((protocol) => protocol.name === name);
    if (found !== undefined) return found;
  }
  throw noneOf(
    offered,
    channelProtocols.map(({ name }) => name).filter((name) => name !== ''),
  );
}

/** Of SPDY: by the header X-Stream-Protocol-Version. */
export function firstOf(offered: readonly string[], served: readonly string[]): string {
  const found = offered.find((name) => served.includes(name));
  if (found === undefined) throw noneOf(offered, served);
  return found;
}

export function noneOf(offered: readonly string[], served: readonly string[]): Error {
  const shown = offered.slice(0, 10).map((name) => JSON.stringify(name.slice(0, 64)));
  const names = shown.length === 0 ? 'none' : shown.join(', ');
  return badRequest(`unable to upgrade: the client offers ${names}; this server speaks ${served.join(', ')}`);
}
