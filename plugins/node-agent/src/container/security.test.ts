import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { PodSecurityContext, SecurityContext } from '@timonel/sdk/kube';
import { container, podWith } from '../plan/testing.ts';
import type { NodePolicy } from './node-policy.ts';
import { securitySettings } from './security.ts';
import { policy } from './testing.ts';

const settings = (own: SecurityContext, ofPod: PodSecurityContext = {}, node: NodePolicy = policy) =>
  securitySettings(podWith({ securityContext: ofPod }), container('a', { securityContext: own }), node);

describe('system calls', () => {
  let seccompDirectory: string;
  let outside: string;
  beforeEach(async () => {
    outside = await mkdtemp(join(tmpdir(), 'timonel-seccomp-'));
    seccompDirectory = join(outside, 'profiles');
    await mkdir(join(seccompDirectory, 'sub'), { recursive: true });
    await writeFile(join(seccompDirectory, 'sub', 'p.json'), '{}');
    await writeFile(join(outside, 'secret.json'), '{}');
    await symlink(join(outside, 'secret.json'), join(seccompDirectory, 'link.json'));
  });
  afterEach(() => rm(outside, { recursive: true, force: true }));
  const local = (localhostProfile: string) =>
    settings({ seccompProfile: { type: 'Localhost', localhostProfile } }, {}, { ...policy, seccompDirectory });

  it('are the runtime’s choice, also for who says nothing, and all for the privileged', async () => {
    expect((await settings({})).seccomp).toEqual({ type: 'RuntimeDefault' });
    const open = { ...policy, seccompDefault: false };
    expect((await settings({}, {}, open)).seccomp).toEqual({ type: 'Unconfined' });
    expect((await settings({}, { seccompProfile: { type: 'RuntimeDefault' } }, open)).seccomp?.type).toBe(
      'RuntimeDefault',
    );
    const own = { seccompProfile: { type: 'Unconfined' } };
    expect((await settings(own, { seccompProfile: { type: 'RuntimeDefault' } })).seccomp?.type).toBe('Unconfined');
    const privileged = { privileged: true, seccompProfile: { type: 'RuntimeDefault' } };
    expect((await settings(privileged)).seccomp?.type).toBe('Unconfined');
  });

  it('of a profile of the node', async () => {
    const path = join(seccompDirectory, 'sub', 'p.json');
    expect((await local('sub/p.json')).seccomp).toEqual({ type: 'Localhost', path });
  });

  it.each([
    ['../secret.json', 'without ".."'],
    ['/etc/passwd', 'must be a path below'],
    ['', 'must be a path below'],
    ['link.json', 'leads out of'],
    ['absent.json', 'is not on this node: put it to'],
  ])('not of %j', async (name, message) => {
    await expect(local(name)).rejects.toThrow(message);
  });
});

describe('other confinement', () => {
  it('names AppArmor profiles only where they are asked for', async () => {
    expect(await settings({})).not.toHaveProperty('appArmor');
    expect((await settings({ appArmorProfile: { type: 'Unconfined' } })).appArmor).toBe('unconfined');
    const ofPod = { appArmorProfile: { type: 'Localhost', localhostProfile: 'web' } };
    expect((await settings({}, ofPod)).appArmor).toBe('web');
    await expect(settings({ appArmorProfile: { type: 'Localhost' } })).rejects.toThrow('needs the name of a profile');
  });

  it('unmasks /proc only in a user namespace', async () => {
    const own = container('a', { securityContext: { procMount: 'Unmasked' } });
    await expect(securitySettings(podWith(), own, policy)).rejects.toThrow('needs hostUsers: false');
    expect(await securitySettings(podWith({ hostUsers: false }), own, policy)).toMatchObject({ procMount: 'Unmasked' });
    expect((await settings({ procMount: 'Default' })).procMount).toBe('Default');
  });
});
