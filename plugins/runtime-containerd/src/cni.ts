import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readFileIfThere } from '@timonel/sdk/files';

/**
 * containerd wants a network of its own for each sandbox. Ours come from the network plugin, which attaches to the sandbox afterwards:
 * so containerd gets a CNI plugin that does nothing but bring the loopback interface up, and says that all is well.
 */
const script = `#!/bin/sh
set -eu
PATH=$PATH:/usr/sbin:/sbin
answer() {
  echo '{"cniVersion":"0.3.1","interfaces":['"$1"'],"ips":['"$2"'],"dns":{}}'
}
case "\${CNI_COMMAND-}" in
VERSION) echo '{"cniVersion":"0.3.1","supportedVersions":["0.3.0","0.3.1"]}' ;;
ADD)
  case "$0" in
  */loopback)
    nsenter --net="$CNI_NETNS" ip link set lo up
    answer '' ''
    ;;
  *) answer '{"name":"'"$CNI_IFNAME"'","sandbox":"'"$CNI_NETNS"'"}' '{"version":"4","interface":0,"address":"127.0.0.1/8"}' ;;
  esac
  ;;
*) ;;
esac
`;

const network = { cniVersion: '0.3.1', name: 'timonel', plugins: [{ type: 'timonel-none' }] };

export interface CniDirectories {
  readonly bin: string;
  readonly conf: string;
}

/** What `bin_dir` and `conf_dir` of containerd's config.toml have to be. */
export function cniDirectories(dataDir: string): CniDirectories {
  return { bin: join(dataDir, 'cni', 'bin'), conf: join(dataDir, 'cni', 'conf') };
}

export async function installCni({ bin, conf }: CniDirectories): Promise<void> {
  for (const directory of [bin, conf]) await mkdir(directory, { recursive: true, mode: 0o755 });
  for (const name of ['loopback', 'timonel-none']) await install(join(bin, name), script, 0o755);
  // Last: containerd looks at it at once.
  await install(join(conf, '10-timonel.conflist'), `${JSON.stringify(network, undefined, 2)}\n`, 0o644);
}

async function install(path: string, text: string, mode: number): Promise<void> {
  if ((await readFileIfThere(path)) !== text) await writeFile(path, text);
  await chmod(path, mode);
}
