import { describe, expect, it } from '@jest/globals';
import { checkConfig, definePlugin, type AnyPlugin } from '@timonel/sdk';
import { z } from 'zod';

function pluginWith(config: unknown): AnyPlugin {
  return { ...definePlugin({ name: 'p', version: '1.0.0', apiVersion: 1, setup: () => undefined }), config };
}

const schema = z.strictObject({
  port: z.number().default(80),
  host: z.string().optional(),
  tls: z.strictObject({ certFile: z.string() }).optional(),
  peers: z.array(z.strictObject({ name: z.string(), url: z.string() })).default([]),
  labels: z.record(z.string(), z.strictObject({ value: z.string() })).default({}),
});

describe('checkConfig', () => {
  it('fills in defaults, also when there is no configuration', async () => {
    expect(await checkConfig(pluginWith(schema), undefined)).toEqual({
      ok: true,
      value: { port: 80, peers: [], labels: {} },
    });
  });

  it.each([
    [{ prot: 1 }, `unknown key 'prot' – did you mean 'port'?`],
    [{ zzzzzz: 1 }, `unknown key 'zzzzzz' (valid keys: port, host, tls, peers, labels)`],
    [{ tls: { certFile: 'a', certfiles: 'b' } }, `unknown key 'tls.certfiles' – did you mean 'certFile'?`],
    [{ peers: [{ name: 'a', url: 'b', ulr: 'c' }] }, `unknown key 'peers[0].ulr' – did you mean 'url'?`],
    [{ labels: { app: { value: 'x', valeu: 'y' } } }, `unknown key 'labels.app.valeu' – did you mean 'value'?`],
  ])('names the unknown key of %j', async (config, problem) => {
    expect(await checkConfig(pluginWith(schema), config)).toEqual({ ok: false, problems: [problem] });
  });

  it('names the path of a wrong value and gives every problem', async () => {
    const check = await checkConfig(pluginWith(schema), { port: 'x', hots: 1 });
    expect(check).toMatchObject({ ok: false });
    const problems = check.ok ? [] : check.problems;
    expect(problems).toHaveLength(2);
    expect(problems.join()).toContain(`'port': `);
    expect(problems.join()).toContain(`unknown key 'hots' – did you mean 'host'?`);
  });

  it('refuses configuration for a plugin without a schema, and a schema that is none or throws', async () => {
    expect(await checkConfig(pluginWith(undefined), {})).toEqual({ ok: true, value: {} });
    expect(await checkConfig(pluginWith(undefined), { a: 1 })).toMatchObject({ ok: false });
    expect(await checkConfig(pluginWith({ shape: {} }), {})).toMatchObject({ ok: false });
    const throwing = { '~standard': { validate: () => Promise.reject(new Error('boom')) } };
    expect(await checkConfig(pluginWith(throwing), {})).toEqual({ ok: false, problems: ['the schema threw: boom'] });
  });
});
