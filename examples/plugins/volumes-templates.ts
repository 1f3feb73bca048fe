/**
 * Volumes with files that are written for the pod: `flexVolume: { driver: example.dev/templates, options: { FILE: TEMPLATE } }`. In a template
 * `$(FIELD)` stands for a field of the pod, as in the downward API, and `$(node)` for the node's name. Files follow the pod while it runs.
 */
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { definePlugin } from '@timonel/sdk';
import { VolumeError, volumeKinds, type VolumeKind, type VolumeRequest } from '@timonel/sdk/contracts/volume';
import type { Volume } from '@timonel/sdk/kube';

const driver = 'example.dev/templates';

interface Source {
  readonly driver?: string;
  readonly options?: Readonly<Record<string, string>>;
}

const sourceOf = (volume: Volume): Source => volume['flexVolume'] ?? {};

/** The same content again is left alone; another one comes by one rename, so that nobody reads half of it. */
async function write(directory: string, name: string, text: string): Promise<void> {
  if (!/^[\w.-]+$/.test(name) || name.startsWith('.')) throw new VolumeError(`"${name}" is no name of a file`);
  const path = join(directory, name);
  if ((await readFile(path, 'utf8').catch(() => undefined)) === text) return;
  await writeFile(join(directory, '.next'), text);
  await rename(join(directory, '.next'), path);
}

const templates: VolumeKind = {
  keys: () => ['flexVolume'],
  serves: (volume) => sourceOf(volume).driver === driver,

  async prepare({ volume, directory, node }: VolumeRequest) {
    await mkdir(directory, { recursive: true });
    for (const [name, template] of Object.entries(sourceOf(volume).options ?? {})) {
      const text = template.replaceAll(/\$\(([^)]+)\)/g, (_all, field: string) =>
        field === 'node' ? node.name : node.field(field),
      );
      await write(directory, name, text);
    }
    return { hostPath: directory, readOnly: true, follows: true };
  },

  // Nothing is mounted, and the agent removes the directory.
  remove: async () => undefined,
  usage: async () => undefined,
};

export default definePlugin({
  name: 'volumes-templates',
  version: '1.0.0',
  apiVersion: 1,
  description: 'volumes with files that are written for the pod',
  provides: { kinds: volumeKinds },
  setup: () => ({ provides: { kinds: templates } }),
});
