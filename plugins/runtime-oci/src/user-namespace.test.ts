import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { createRealEnv } from '@timonel/core';
import type { OciKind } from './host.ts';
import { Bed, security } from './testing/bed.ts';

const userNamespace = { firstUid: 300_000, firstGid: 400_000, length: 65_536 };

describe.each<OciKind>(['crun', 'runc'])('user namespaces by %s', (kind) => {
  let bed: Bed;
  beforeAll(async () => {
    bed = new Bed(kind, createRealEnv());
    await bed.open();
  });
  afterEach(() => bed.removeAll(), 30_000);
  afterAll(async () => expect(await bed.close()).toEqual([]), 30_000);

  it('root of a pod is nobody on the node: images and volumes are its own, the secrets of the node are not', async () => {
    const volume = join(bed.dataDir, 'volume');
    const secret = join(bed.dataDir, 'secret');
    mkdirSync(volume);
    mkdirSync(secret);
    writeFileSync(join(secret, 'key'), 'secret', { mode: 0o600 });
    const sandbox = await bed.sandbox({ userNamespace, sysctls: { 'net.core.somaxconn': '99' } });
    const mounts = [{ hostPath: volume, containerPath: '/data', readOnly: false, propagation: 'private' }] as const;
    const script = `id -u; ls -ldn /etc/passwd /data | while read a b c d rest; do echo $c $d; done; echo x >/data/mine; echo y >/etc/new && echo writes
      mknod /tmp/d b 254 0 2>/dev/null || echo no device; cat /proc/sys/net/core/somaxconn; echo z >/dev/shm/z && echo shares
      mount -t tmpfs x /tmp 2>/dev/null || echo no mount; sleep 60`;
    const id = await bed.started(sandbox, ['sh', '-c', script], { mounts });
    await bed.printed(id, 'no mount');
    const status = await bed.runtime.containerStatus(id);
    const lines = bed.logText(status!, 'stdout').split('\n');
    expect(lines).toEqual(['0', '0 0', '0 0', 'writes', 'no device', '99', 'shares', 'no mount']);
    expect(statSync(`/proc/${status?.pid}`)).toMatchObject({ uid: 300_000, gid: 400_000 });
    expect(statSync(join(volume, 'mine'))).toMatchObject({ uid: 0, gid: 0 });
    const session = await bed.runtime.exec(id, {
      command: ['sh', '-c', 'read -r x </proc/self/uid_map; echo $x'],
      tty: false,
      stdin: false,
    });
    let map = '';
    session.stdout.on('data', (chunk) => (map += String(chunk)));
    expect(await session.exited).toBe(0);
    expect(map.trim().split(/\s+/)).toEqual(['0', '300000', '65536']);
    const terminal = await bed.runtime.exec(id, {
      command: ['sh', '-c', 'test -t 0 && exit 4'],
      tty: true,
      stdin: false,
    });
    terminal.stdout.resume();
    expect(await terminal.exited).toBe(4);
    expect(readFileSync(join(secret, 'key'), 'utf8')).toBe('secret');
  }, 20_000);

  it('users of the image, an unmasked /proc and a termination message work; the namespaces of the node go with none', async () => {
    const sandbox = await bed.sandbox({ userNamespace });
    const changes = { user: 'ana', terminationMessagePath: '/run/message', ...security({ procMount: 'Unmasked' }) };
    const result = await bed.run(
      'id -u; echo bye >/run/message; wc -c </proc/keys; head -c 1 /proc/kcore || echo no',
      changes,
      sandbox,
    );
    expect(result).toMatchObject({ message: 'bye\n', exitCode: 0 });
    expect(result.stdout.split('\n')[0]).toBe('1234');
    await expect(bed.sandbox({ userNamespace, hostNetwork: true })).rejects.toThrow('shares no namespaces of the node');
    await expect(bed.sandbox({ userNamespace: { ...userNamespace, firstUid: 0 } })).rejects.toThrow('no range of ids');
  }, 20_000);
});
