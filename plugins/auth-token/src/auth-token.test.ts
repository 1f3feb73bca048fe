import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { authenticator, type Credentials } from '@timonel/sdk/contracts/auth';
import { createRealEnv } from '@timonel/core';
import { startTestKernel } from '@timonel/testkit';
import { adminTokenFile, ensureAdminToken } from './admin-token.ts';
import plugin from './index.ts';

const env = createRealEnv();
let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'timonel-token-'));
});
afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

describe('the administrator token', () => {
  it('is made once, for its owner only', async () => {
    const token = await ensureAdminToken(directory, env);
    expect(token).toMatch(/^[\w-]{43}$/);
    expect(await ensureAdminToken(directory, env)).toBe(token);
    expect((await stat(adminTokenFile(directory))).mode & 0o777).toBe(0o600);
  });

  it('is not replaced when its file is unusable', async () => {
    await writeFile(adminTokenFile(directory), 'short\n');
    await expect(ensureAdminToken(directory, env)).rejects.toThrow('remove it to have a new one made');
  });
});

describe('the authenticator', () => {
  const credentials = (bearerToken: string | undefined): Credentials => ({ bearerToken, certificate: undefined });

  it('knows its tokens and no others', async () => {
    const tokens = [{ token: 'token-of-the-builder', username: 'builder', groups: ['dev'] }];
    await using kernel = await startTestKernel({ plugins: [plugin], config: { 'auth-token': { tokens } } });
    const [provider] = kernel.service(authenticator).all();
    if (provider === undefined) throw new Error('no authenticator is there');
    const admin = await ensureAdminToken(join(kernel.dataDir, 'auth-token'), env);
    const ask = (token: string | undefined) => provider.service.authenticate(credentials(token));
    expect(await ask(admin)).toMatchObject({
      outcome: 'authenticated',
      user: { username: 'admin', groups: ['system:masters', 'system:authenticated'] },
    });
    expect(await ask('token-of-the-builder')).toMatchObject({
      outcome: 'authenticated',
      user: { username: 'builder', groups: ['dev', 'system:authenticated'] },
    });
    for (const wrong of [undefined, '', 'token-of-the-builde', `${admin}x`])
      expect(await ask(wrong)).toEqual({ outcome: 'unknown' });
  });

  it('refuses a weak token in the configuration', async () => {
    const config = { 'auth-token': { tokens: [{ token: 'short', username: 'x' }] } };
    await expect(startTestKernel({ plugins: [plugin], config })).rejects.toThrow('at least 16 characters');
  });
});
