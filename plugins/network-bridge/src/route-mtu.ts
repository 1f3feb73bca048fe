/**
 * The largest packet that pods send, where ways to other nodes have less room than the links of pods. It is that of the pods' routes, not of
 * their links: it holds for pods that run, and what still comes to them larger is not lost. It only ever gets lower, so that it does
 * not go up and down as nodes come and go, and is forgotten with the bridge.
 */
import { rename, rm, writeFile } from 'node:fs/promises';
import { familyOf, type IpFamily } from '@timonel/sdk/contracts/network';
import { readFileIfThere } from '@timonel/sdk/files';
import { podInterface } from './names.ts';

/** Every machine takes packets of this size. Sources: RFC 791, section 3.1; RFC 8200, section 5. */
const leastBytes: Readonly<Record<IpFamily, number>> = { 4: 576, 6: 1280 };

export class RouteMtu {
  readonly #path: string;
  #bytes: number | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  /** Undefined: what fits through the links fits everywhere. */
  below(linkBytes: number): number | undefined {
    return this.#bytes !== undefined && this.#bytes < linkBytes ? this.#bytes : undefined;
  }

  async load(): Promise<void> {
    const bytes = Number(await readFileIfThere(this.#path));
    // A file that holds something else is worth nothing: the limit comes again.
    this.#bytes = Number.isInteger(bytes) && bytes >= leastBytes[4] ? bytes : undefined;
  }

  /** False: it is no lower than what is known, or than the links. */
  lower(bytes: number, linkBytes: number): boolean {
    const wanted = Math.max(Math.floor(bytes), leastBytes[4]);
    if (!(wanted < Math.min(this.#bytes ?? linkBytes, linkBytes))) return false;
    this.#bytes = wanted;
    return true;
  }

  // Renamed, but not synced: it has to survive this process, not the machine, whose links are gone after a reboot too.
  async save(): Promise<void> {
    await writeFile(`${this.#path}.new`, `${this.#bytes}`, { mode: 0o600 });
    await rename(`${this.#path}.new`, this.#path);
  }

  async forget(): Promise<void> {
    this.#bytes = undefined;
    await rm(this.#path, { force: true });
  }
}

/** As ip(8) wants it, behind a route. */
export function routeMtuText(bytes: number | undefined, family: IpFamily): string {
  return bytes === undefined ? '' : ` mtu ${Math.max(bytes, leastBytes[family])}`;
}

/** A script that tells a pod that runs. Routes that the pod has made itself stay as they are. */
export function routeMtuScript(networkNamespace: string, bytes: number, gateways: readonly string[]): string {
  const lines = gateways.map((gateway) => {
    const family = familyOf(gateway);
    const route = `default via ${gateway} dev ${podInterface}`;
    return `[ -z "$(ip -${family} route show ${route})" ] || ip -${family} route change ${route}${routeMtuText(bytes, family)}`;
  });
  return `nsenter --net='${networkNamespace}' sh -e -c '${lines.join('\n')}'`;
}
