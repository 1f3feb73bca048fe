/** Certificates of a data directory that should have been renewed long ago, or are over. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  authorityName,
  certificateFile,
  identityNames,
  readCertificate,
  type CertificateFacts,
} from '@timonel/sdk/pki';
import { pkiDirectory } from '../cluster/cluster-state.ts';
import { dataDirPaths } from '../cluster/data-dir.ts';
import type { Obstacle } from './obstacles.ts';

const dayMs = 86_400_000;
/** Parts of their lives: certificates are renewed when a third is left, the authority is replaced when a fifth is. */
const late = { certificate: 1 / 6, authority: 1 / 8 } as const;

function adviceFor(name: string, isOver: boolean): string {
  if (name === authorityName) {
    return isOver
      ? 'join this machine again with a token of a server whose authority is good (--join or --server, and --token)'
      : 'timonel certificates status on a server says what its replacement waits for; timonel certificates rotate-ca begins one';
  }
  if (name === identityNames.node) {
    return isOver
      ? 'timonel token create on a server, then timonel agent --token TOKEN here'
      : 'see the log of the agent and the events of the node: the servers could not be asked for the next one';
  }
  return 'start the server: it makes another one; its log says why it could not before';
}

function checkOf(name: string, { notBefore, notAfter }: CertificateFacts, nowMs: number): Obstacle {
  const leftMs = notAfter - nowMs;
  const isOver = leftMs <= 0;
  const share = name === authorityName ? late.authority : late.certificate;
  const ok = leftMs >= (notAfter - notBefore) * share;
  const when = new Date(notAfter).toISOString().slice(0, 10);
  const detail = isOver ? `ended on ${when}` : `until ${when}, ${Math.floor(leftMs / dayMs)} days`;
  return { name: `certificate ${name}`, ok, optional: !isOver, detail, fix: ok ? '' : adviceFor(name, isOver) };
}

/** Nothing where no cluster has been yet. A file that cannot be read is left to whoever needs it. */
export function certificateChecks(dataDir: string, nowMs: number): readonly Obstacle[] {
  const checks: Obstacle[] = [];
  for (const directory of [pkiDirectory(dataDir), join(dataDirPaths(dataDir).pluginData('apiserver'), 'pki')]) {
    for (const name of [authorityName, ...Object.values(identityNames)]) {
      const file = certificateFile(directory, name);
      if (!existsSync(file)) continue;
      try {
        checks.push(checkOf(name, readCertificate(readFileSync(file, 'utf8')), nowMs));
      } catch {
        checks.push({
          name: `certificate ${name}`,
          ok: false,
          optional: false,
          detail: `${file} cannot be read`,
          fix: 'run as the user whom the data directory belongs to, or bring back a good copy',
        });
      }
    }
  }
  return checks;
}
