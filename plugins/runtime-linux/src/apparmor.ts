import { readFileSync } from 'node:fs';
import { RuntimeError } from '@timonel/sdk/contracts/runtime';
import type { SpecEntry } from './spec-file.ts';

const enabledFile = '/sys/module/apparmor/parameters/enabled';
const profilesFile = '/sys/kernel/security/apparmor/profiles';

/** What timonel-monitor must know of the AppArmor profile. @throws RuntimeError where the node cannot enforce it */
export function appArmorEntries(profile: string | undefined, read: (path: string) => string = readText): SpecEntry[] {
  if (profile === undefined || profile === '' || profile === 'unconfined') return [];
  if (read(enabledFile).trim() !== 'Y') {
    throw new RuntimeError(
      'CreateContainerError',
      `AppArmor profile "${profile}": the kernel of this node has no AppArmor; take the profile out of the pod, or use another node`,
    );
  }
  const loaded = read(profilesFile);
  // without securityfs there is no list: the kernel then says it when the container starts
  if (loaded !== '' && !loaded.split('\n').some((line) => line.startsWith(`${profile} (`))) {
    throw new RuntimeError(
      'CreateContainerError',
      `AppArmor profile "${profile}" is not loaded on this node: load it with apparmor_parser`,
    );
  }
  return [['appArmor', `exec ${profile}`]];
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
