/**
 * Pods that have an address which the API does not show yet, on disk: a restart while the API is away must not forget them. Not synced to
 * the disk, for no address outlives the machine's boot.
 */
import { rename, rm, writeFile } from 'node:fs/promises';
import { errorMessage, type Logger } from '@timonel/sdk';
import { readFileIfThere } from '@timonel/sdk/files';
import type { Container, Pod } from '@timonel/sdk/kube';

export interface Admitted {
  readonly pod: Pod;
  readonly addresses: readonly string[];
}

const formatVersion = 1;

/** What of it counts for policies. */
export function policyPartOf({ metadata, spec }: Pod): Pod {
  const { namespace = '', name = '', uid = '', labels = {} } = metadata;
  const portsOf = ({ name: container, ports = [] }: Container): Container => ({ name: container, ports });
  return {
    metadata: { namespace, name, uid, labels },
    spec: {
      ...(spec.nodeName === undefined ? {} : { nodeName: spec.nodeName }),
      ...(spec.hostNetwork === undefined ? {} : { hostNetwork: spec.hostNetwork }),
      containers: spec.containers.map(portsOf),
      initContainers: (spec.initContainers ?? []).map(portsOf),
    },
  };
}

export class AdmittedFile {
  readonly #path: string;
  readonly #log: Logger;
  #written: string | undefined;

  constructor(path: string, log: Logger) {
    this.#path = path;
    this.#log = log;
  }

  /** A damaged file counts as none. */
  async load(): Promise<readonly Admitted[]> {
    try {
      const text = await readFileIfThere(this.#path);
      if (text === undefined) return [];
      const { version, admitted } = JSON.parse(text) as { version?: number; admitted?: readonly Admitted[] };
      if (version !== formatVersion || !Array.isArray(admitted)) throw new Error('it has another format');
      this.#written = text;
      return admitted;
    } catch (error) {
      const told = { file: this.#path, error: errorMessage(error) };
      this.#log.warn(told, 'the pods that were admitted last cannot be read');
      return [];
    }
  }

  /** Writes when something is new. A failure is logged: the pods are protected as long as this process is there. */
  async save(admitted: readonly Admitted[]): Promise<void> {
    const text = admitted.length === 0 ? undefined : JSON.stringify({ version: formatVersion, admitted });
    if (text === this.#written) return;
    try {
      if (text === undefined) await rm(this.#path, { force: true });
      else {
        await writeFile(`${this.#path}.new`, text, { mode: 0o600 });
        await rename(`${this.#path}.new`, this.#path);
      }
      this.#written = text;
    } catch (error) {
      this.#log.warn(
        { file: this.#path, error: errorMessage(error) },
        'the pods that were admitted were not remembered',
      );
    }
  }
}
