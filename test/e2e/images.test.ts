/** `timonel image` with a real registry, filled by a real skopeo. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync, existsSync } from 'node:fs';
import { mkdir, readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { ImageInfo } from '@timonel/sdk/contracts/images';
import { freePort } from '@timonel/testkit/free-port';
import { command, runProgram, TestCluster, type RunResult } from '../support/cluster.ts';
import { until } from '../support/until.ts';
import { skopeo, skopeoCopy, startRegistry, writeLayout, type DockerRegistry } from '../support/registry/index.ts';

const busybox = '/bin/busybox';
const user = 'reader';
const password = 'a secret';
const platform = `linux/${({ x64: 'amd64' } as Record<string, string>)[process.arch] ?? process.arch}`;
const directory = mkdtempSync(join(tmpdir(), 'timonel-e2e-images-'));
const dockerConfig = join(directory, 'docker');
let cluster: TestCluster;
let open: DockerRegistry;
let locked: DockerRegistry;

async function image(args: readonly string[], input = ''): Promise<RunResult> {
  return runProgram(process.execPath, [command, 'image', ...args, '--data-dir', cluster.dataDir], {
    input,
    env: { DOCKER_CONFIG: dockerConfig },
  });
}

async function json<T>(...args: string[]): Promise<T> {
  const { status, stdout, stderr } = await image([...args, '-o', 'json']);
  expect({ args, status, stderr }).toMatchObject({ status: 0 });
  return JSON.parse(stdout) as T;
}

async function refused(args: readonly string[], why: RegExp, status = 1, input = ''): Promise<void> {
  const result = await image(args, input);
  expect({ args, status: result.status, stderr: result.stderr }).toMatchObject({ status });
  expect(result.stderr).toMatch(why);
}

async function fill(): Promise<void> {
  if (!existsSync(busybox))
    throw new Error(`${busybox} is missing: apt-get install -y --no-install-recommends busybox-static`);
  const layout = join(directory, 'layout');
  const app = {
    layers: [{ 'bin/busybox': readFileSync(busybox), 'etc/name': 'lower' }, { 'etc/name': 'pulled from a registry\n' }],
    config: { Cmd: ['/bin/busybox', 'sh', '-c', '/bin/busybox cat /etc/name; exec /bin/busybox sleep 300'] },
  };
  await writeLayout(layout, 'app', [
    { platform: 'linux/s390x', layers: [{ arch: 's390x' }] },
    { platform, ...app },
  ]);
  await skopeoCopy(`oci:${layout}:app`, `docker://${open.host}/shop/app:1`, { all: true });
  await skopeoCopy(`oci:${layout}:app`, `docker://${locked.host}/private/app:1`, {
    toCredentials: `${user}:${password}`,
  });
  const small = (text: string) => ({ platform, layers: [{ text }], config: { Cmd: [`/${text}`] } });
  await writeLayout(join(directory, 'v2'), 'v2', [small('v2')]);
  await skopeoCopy(`oci:${directory}/v2:v2`, `docker://${open.host}/shop/docker:1`, { format: 'v2s2' });
  await writeLayout(join(directory, 'zstd'), 'zstd', [small('zstd')]);
  const zstd = ['--dest-compress-format', 'zstd', '--dest-tls-verify=false', '--quiet'];
  await skopeo('copy', ...zstd, `oci:${directory}/zstd:zstd`, `docker://${open.host}/shop/zstd:1`);
}

beforeAll(async () => {
  await mkdir(dockerConfig);
  const starting = TestCluster.start();
  [open, locked] = await Promise.all([startRegistry(), startRegistry({ auth: { user, password } })]);
  await fill();
  cluster = await starting;
}, 120_000);
afterAll(async () => {
  await cluster?.dispose();
  await Promise.all([open?.stop(), locked?.stop()]);
  rmSync(directory, { recursive: true, force: true });
});

describe('timonel image', () => {
  it('pulls, says how it goes on, and knows what it has', async () => {
    const name = `${open.host}/shop/app:1`;
    const first = await image(['pull', name]);
    expect(first).toMatchObject({ status: 0 });
    expect(first.stdout).toMatch(new RegExp(`^pulled ${name} \\([0-9a-f]{12}, .* in .*s\\)\n$`));
    expect(first.stderr).toMatch(/^[0-9a-f]{12}: downloading \(.*MB\)$/m);
    expect(first.stderr).toMatch(/^[0-9a-f]{12}: done/m);
    expect((await image(['pull', name])).stdout).toContain('is up to date');
    const info = await json<ImageInfo>('inspect', name);
    expect(info.references).toEqual([name]);
    expect(info.platform).toBe(platform);
    const raw = await skopeo('inspect', '--tls-verify=false', '--format', '{{.Digest}}', `docker://${name}`);
    expect(info.digests).toContain(raw.trim());
    const list = await image(['list']);
    expect(list.stdout).toContain(name);
    const words = ['__complete', '--', 'image', 'rm', '--data-dir', cluster.dataDir, open.host];
    expect((await runProgram(process.execPath, [command, ...words])).stdout).toBe(`${name}\n`);
    expect((await image(['inspect', name])).stdout).toMatch(/^Command: +\["\/bin\/busybox"/m);
  });

  it('pulls images of Docker, of zstd and of another platform', async () => {
    const commands: string[] = [];
    for (const name of ['docker', 'zstd']) {
      const { image: pulled } = await json<{ image: ImageInfo }>('pull', `${open.host}/shop/${name}:1`);
      commands.push(...pulled.config.cmd);
    }
    expect(commands).toEqual(['/v2', '/zstd']);
    const other = await json<{ image: ImageInfo }>('pull', `${open.host}/shop/app:1`, '--platform', 'linux/s390x');
    expect(other.image.platform).toBe('linux/s390x');
    await image(['pull', `${open.host}/shop/app:1`]);
    await refused(
      ['pull', `${open.host}/shop/app:1`, '--platform', 'linux/riscv64'],
      /no image for linux\/riscv64, only for linux\/s390x/,
    );
  });

  it('a private registry takes a password from the standard input or from the file of docker login', async () => {
    const name = `${locked.host}/private/app:1`;
    await refused(['pull', name], /401|unauthorized|authentication/i);
    await refused(
      ['pull', name, '--username', user, '--password-stdin'],
      /401|unauthorized|authentication/i,
      1,
      'wrong',
    );
    await refused(['pull', name, '--username', user], /--password-stdin/, 2);
    expect(await image(['pull', name, '--username', user, '--password-stdin'], `${password}\n`)).toMatchObject({
      status: 0,
    });
    await image(['rm', name]);
    const auth = Buffer.from(`${user}:${password}`).toString('base64');
    writeFileSync(join(dockerConfig, 'config.json'), JSON.stringify({ auths: { [locked.host]: { auth } } }));
    expect(await image(['pull', name])).toMatchObject({ status: 0 });
  });

  it('pushes what it built and what it pulled; others read it', async () => {
    const root = join(directory, 'root');
    await mkdir(join(root, 'etc'), { recursive: true });
    writeFileSync(join(root, 'etc/built'), 'here');
    const built = `${open.host}/shop/built:1`;
    await image(['build', root, built, '--cmd', '/etc/built']);
    const { digest } = await json<{ digest: string }>('push', built);
    const seen = JSON.parse(await skopeo('inspect', '--tls-verify=false', `docker://${built}`)) as { Digest: string };
    expect(seen.Digest).toBe(digest);
    await image(['rm', built]);
    expect(await image(['pull', built])).toMatchObject({ status: 0 });
    // With the password that the last test left in the file.
    const pulled = `${locked.host}/private/app:1`;
    const before = await skopeo(
      'inspect',
      '--tls-verify=false',
      '--creds',
      `${user}:${password}`,
      '--format',
      '{{.Digest}}',
      `docker://${pulled}`,
    );
    expect((await json<{ digest: string }>('push', pulled)).digest).toBe(before.trim());
    await refused(['push', 'timonel.local/node:host'], /this node itself/);
    await refused(['push', `${open.host}/shop/absent:1`], /not on this node/);
  });

  it('exports archives that skopeo reads, and imports them', async () => {
    const [name, archive] = [`${open.host}/shop/app:1`, join(directory, 'out.tar')];
    expect(await image(['export', archive, name])).toMatchObject({ status: 0 });
    await refused(['export', archive, name], /there already/, 2);
    const digest = await skopeo('inspect', '--format', '{{.Digest}}', `oci-archive:${archive}:${name}`);
    const { id, digests } = await json<ImageInfo>('inspect', name);
    expect(digests).toContain(digest.trim());
    await image(['rm', name]);
    expect(await image(['import', archive])).toMatchObject({ status: 0 });
    expect((await json<ImageInfo>('inspect', name)).id).toBe(id);
  });

  it('says what is wrong with a name, an image, a registry', async () => {
    await refused(['pull', `${open.host}/shop/absent:1`], /absent/);
    await refused(['pull', `${open.host}/shop/app:9`], /9/);
    await refused(['pull', `127.0.0.1:${await freePort()}/shop/app:1`], /127\.0\.0\.1:\d+.*\(RegistryUnavailable\)/s);
    await refused(['pull', 'Not/A/Name'], /not an image name/);
    await refused(['inspect', 'absent:1'], /not found/);
    await refused(['rm', 'absent:1'], /not found/);
    await refused(['import', join(directory, 'absent.tar')], /does not exist/, 2);
  });

  it('refuses a layer whose bytes are not those of its digest', async () => {
    const name = `${open.host}/shop/broken:1`;
    await skopeoCopy(`docker://${open.host}/shop/built:1`, `docker://${name}`);
    await image(['rm', `${open.host}/shop/built:1`]);
    const [layer = ''] = (
      JSON.parse(await skopeo('inspect', '--tls-verify=false', `docker://${name}`)) as { Layers: string[] }
    ).Layers;
    const hex = layer.replace('sha256:', '');
    const blob = join(open.directory, 'data/docker/registry/v2/blobs/sha256', hex.slice(0, 2), hex, 'data');
    const bytes = readFileSync(blob);
    bytes.set([(bytes[30] ?? 0) ^ 1], 30);
    writeFileSync(blob, bytes);
    await refused(['pull', name], /the bytes are those of sha256/);
    await refused(['inspect', name], /not found/);
  });

  it('prunes what no container uses, and keeps what one does', async () => {
    const name = `${open.host}/shop/app:1`;
    const pod = ['run', 'app', `--image=${name}`, '--image-pull-policy=Always', '--restart=Never'];
    expect(await cluster.kubectl(pod)).toMatchObject({ status: 0 });
    expect(await cluster.kubectl(['wait', 'pod/app', '--for=condition=Ready', '--timeout=30s'])).toMatchObject({
      status: 0,
    });
    let logs: RunResult | undefined;
    await until(
      async () => {
        logs = await cluster.kubectl(['logs', 'app']);
        return logs.stdout.includes('pulled from a registry');
      },
      { what: () => `the log of the container: ${JSON.stringify(logs)}` },
    );
    // Its other name is only a name.
    expect(await image(['rm', `${locked.host}/private/app:1`])).toMatchObject({ status: 0 });
    await refused(['rm', name], /used by container app .*of pod default\/app/);
    const planned = await json<{ removed: { references: string[] }[] }>('prune', '--all', '--dry-run');
    expect(planned.removed.flatMap(({ references }) => references)).toContain(`${open.host}/shop/zstd:1`);
    const pruned = await image(['prune', '--all']);
    expect(pruned.stdout).toMatch(/^freed .*B; .* are free$/m);
    const left = (await json<ImageInfo[]>('list')).flatMap(({ references }) => references);
    expect(left).toEqual([name]);
    await cluster.kubectl(['delete', 'pod', 'app', '--now']);
    expect(await image(['rm', name])).toMatchObject({ status: 0 });
    const store = join(cluster.dataDir, 'data', 'images-local');
    expect(await readdir(join(store, 'tmp'))).toEqual([]);
  });
});
