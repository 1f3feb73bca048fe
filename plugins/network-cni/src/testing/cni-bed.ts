import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRealEnv } from '@timonel/core/env';
import type { Logger, Timers } from '@timonel/sdk';
import type { AttachRequest } from '@timonel/sdk/contracts/network';
import { run, TestNamespaces } from '@timonel/testkit/network-namespaces';
import { CniNetwork } from '../cni-network.ts';
import type { NetworkCniConfig } from '../config.ts';

/** Debian's, of the package containernetworking-plugins. */
const debianPlugins = '/usr/lib/cni';

export const timers: Timers = createRealEnv().timers;

export const request = (id: string, networkNamespace: string | undefined): AttachRequest => ({
  sandboxId: id,
  podUid: id,
  podNamespace: 'default',
  podName: id,
  networkNamespace,
});

/** A script of the shell that is a plugin: it notes each call as `COMMAND CONTAINERID` in `calls`. */
const recorder = (body: string): string =>
  `#!/bin/sh\ncd "$(dirname "$0")"\ncat >"last.$CNI_COMMAND"\necho "$(basename "$0") $CNI_COMMAND $CNI_CONTAINERID" >>calls\n${body}\n`;

/** A directory with configuration and plugins, and a network upon them. */
export class CniBed {
  readonly namespaces: TestNamespaces = new TestNamespaces();
  readonly warnings: unknown[] = [];
  directory = '';
  network!: CniNetwork;
  /** Its links and rules end with it. */
  node = '';

  static async open(): Promise<CniBed> {
    const bed = new CniBed();
    bed.directory = await mkdtemp(join(tmpdir(), 'timonel-cni-'));
    for (const name of ['conf', 'plugins', 'addresses', 'data']) await mkdir(join(bed.directory, name));
    return bed;
  }

  get plugins(): string {
    return join(this.directory, 'plugins');
  }

  /** Debian's plugins, in a namespace that stands for the node. */
  async useDebianPlugins(names: readonly string[]): Promise<void> {
    this.node = await this.namespaces.make();
    await run('nsenter', [`--net=${this.node}`, 'ip', 'link', 'set', 'lo', 'up']);
    for (const name of names) {
      await this.plugin(name, `#!/bin/sh\nexec nsenter --net=${this.node} ${debianPlugins}/${name}\n`);
    }
  }

  async usePlugin(name: string, body: string): Promise<void> {
    await this.plugin(name, recorder(body));
  }

  async plugin(name: string, text: string): Promise<void> {
    await writeFile(join(this.plugins, name), text);
    await chmod(join(this.plugins, name), 0o755);
  }

  async configure(list: unknown, file = '10-test.conflist'): Promise<void> {
    await writeFile(join(this.directory, 'conf', file), typeof list === 'string' ? list : JSON.stringify(list));
  }

  async start(more: Partial<NetworkCniConfig> = {}): Promise<CniNetwork> {
    await this.network?.stop();
    const log: Logger = {
      debug() {},
      info() {},
      warn: (fields, message) => void this.warnings.push({ ...fields, message }),
      error() {},
      child: () => log,
    };
    const config: NetworkCniConfig = {
      confDirectory: join(this.directory, 'conf'),
      pluginDirectories: [this.plugins],
      timeoutMs: 20_000,
      ...more,
    };
    const network = new CniNetwork(join(this.directory, 'data'), config, log, timers);
    await network.start();
    this.network = network;
    return network;
  }

  async close(): Promise<void> {
    await this.network?.retain([]);
    await this.network?.stop();
    await this.namespaces.close();
    await rm(this.directory, { recursive: true, force: true });
  }
}
