import { afterAll, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRealEnv } from '@timonel/core';
import type {
  PlacementDifference,
  SchedulingStatus,
  ShadowFigures,
  ShadowReport,
} from '@timonel/sdk/contracts/scheduler-shadow';
import { issueIdentity, makeAuthority } from '@timonel/sdk/pki';
import { writeKubeconfig } from '../cluster/kubeconfig.ts';
import { createProgram, main } from '../program.ts';
import { candidates } from './completion.ts';
import { helpfully, parseShare } from './scheduler-shadow.ts';
import { diffText } from './scheduler-text.ts';

const figures = (scheduler: string, more: Partial<ShadowFigures> = {}): ShadowFigures => ({
  scheduler,
  bound: 1180,
  unschedulable: 50,
  errors: 0,
  preemptions: 2,
  victims: 3,
  decisionTimes: { p50Ms: 1.234, p99Ms: 12.6, perPodP50Ms: 0.05, perPodP99Ms: 0.2 },
  pending: { bound: 1180, p50Ms: 1.5, p99Ms: 2500, waiting: 4 },
  shape: {
    nodesInUse: 12.25,
    cpuUtilisation: 0.5,
    memoryUtilisation: 0.255,
    fragmentation: 0.125,
    cpuDeviation: 0.1,
    podsPerNode: { mean: 10, deviation: 2.5, most: 17 },
  },
  ...more,
});
const difference = (name: string): PlacementDifference => ({
  namespace: 'shop',
  name,
  at: '2026-01-01T00:00:00Z',
  live: { outcome: 'bind', nodeName: 'a', scores: [], reasons: [], victims: 0 },
  candidate: { outcome: 'preempt', nodeName: 'b', scores: [], reasons: [], victims: 2 },
  why: 'the candidate prefers b',
});
const report: ShadowReport = {
  state: 'running',
  startedAt: '2026-01-01T00:00:00Z',
  timeShare: 0.1,
  batches: { compared: 56, skipped: 1, waiting: 0, laterObjects: 0 },
  pods: { compared: 1234, skipped: 20, foreign: 2 },
  agreement: { decisions: 1234, same: 1100, tied: 50, otherNode: 70, otherOutcome: 14, share: 1150 / 1234 },
  live: figures('scheduler-default'),
  candidate: figures('scheduler-binpack', { bound: 1170 }),
  differences: [difference('web-1'), difference('web-0')],
  faults: { count: 1, limit: 10, last: ['threw: boom'] },
};
const now = Date.parse('2026-01-01T00:05:00Z');

describe('the comparison', () => {
  it('has agreement, figures of both, and the last differences with their reasons', () => {
    expect(diffText(report, now, 1)).toBe(
      `scheduler-binpack is in shadow of scheduler-default for 5m
Compared: 1,234 decisions; 1 batch with 20 pods skipped for want of time; 2 pods of other schedulers' names left out
Agreement: 93.2 % (1,100 the same, 50 on nodes that are as good, 70 on another node, 14 of another outcome)
Faults: 1 of at most 10; the last one: threw: boom

                                   SCHEDULER-DEFAULT   SCHEDULER-BINPACK
Bound                              1,180               1,170
Unschedulable                      50                  50
Errors                             0                   0
Preemptions (victims)              2 (3)               2 (3)
Decision of a batch, p50 / p99     1.23 ms / 13 ms     1.23 ms / 13 ms
Decision of a pod, p50 / p99       0.05 ms / 0.20 ms   0.05 ms / 0.20 ms
Pending until bound, p50 / p99     1.50 ms / 2.5 s     1.50 ms / 2.5 s
Still waiting                      4                   4
Nodes in use                       12.3                12.3
CPU requested there                50.0 %              50.0 %
Memory requested there             25.5 %              25.5 %
Free CPU in useless pieces         12.5 %              12.5 %
Deviation of CPU over nodes        10.0 %              10.0 %
Pods on a node, mean ± deviation   10 ± 2.5            10 ± 2.5
Pods on the fullest node           17                  17

Differences (the last 1, --all shows 2):
POD          SCHEDULER-DEFAULT   SCHEDULER-BINPACK   WHY
shop/web-1   a                   b (2 victims)       the candidate prefers b`,
    );
  });

  it('says why a run has ended, and nothing of what there is not', () => {
    const text = diffText(
      {
        ...report,
        state: 'ended',
        reason: 'it had 10 faults',
        batches: { ...report.batches, skipped: 0 },
        pods: { ...report.pods, foreign: 0 },
        faults: { count: 0, limit: 10, last: [] },
        differences: [],
      },
      now,
      10,
    );
    expect(text).toMatch(
      /^The shadow run of scheduler-binpack has ended: it had 10 faults\nCompared: 1,234 decisions\n/,
    );
    expect(text).not.toMatch(/Faults|Differences/);
  });
});

it('shares of the time are percents', () => {
  expect([parseShare('10%'), parseShare('0.5'), parseShare('100%')]).toEqual([0.1, 0.005, 1]);
  for (const bad of ['', '0', '101%', '-5%', 'x', '1e2', '0.01%'])
    expect(() => parseShare(bad)).toThrow('--time-share');
});

it('refusals of a server tell what to do', () => {
  const refusal = (reason: string, cause?: string): Error =>
    Object.assign(new Error('told'), { cause: { reason, details: { causes: cause ? [{ reason: cause }] : [] } } });
  expect(helpfully(refusal('Conflict', 'shadow-busy'))).toMatchObject({
    message: 'told: end that by `timonel scheduler shadow --stop` first.',
  });
  expect(helpfully(refusal('NotFound'))).toMatchObject({ message: expect.stringContaining('scheduler-host') });
  for (const error of [refusal('NotFound', 'ERR_PLUGIN_UNKNOWN'), refusal('Conflict', 'constructor'), new Error('x')]) {
    expect(helpfully(error)).toBe(error);
  }
});

it('the commands are completed', () => {
  const program = createProgram();
  expect(candidates(program, ['scheduler', ''])).toEqual(['list', 'use', 'shadow', 'diff', 'promote', 'revert']);
  const schedulers = candidates(program, ['scheduler', 'use', '']);
  expect(schedulers).toContain('scheduler-default');
  expect(schedulers).not.toContain('scheduler-external');
  expect(candidates(program, ['scheduler', 'shadow', ''])).toEqual(schedulers);
  expect(candidates(program, ['scheduler', 'shadow', '--s'])).toEqual(['--stop']);
  expect(candidates(program, ['scheduler', 'diff', '-'])).toContain('--all');
  for (const verb of ['promote', 'revert']) {
    expect(candidates(program, ['scheduler', verb, ''])).toEqual([]);
    expect(candidates(program, ['scheduler', verb, '--o'])).toEqual(['--output']);
  }
});

describe('the commands', () => {
  const directory = mkdtempSync(join(tmpdir(), 'timonel-scheduler-'));
  const kubeconfig = join(directory, 'kubeconfig');
  const asked: string[] = [];
  const plugin = (name: string, more: object = {}): object => ({
    name,
    version: '1.0.0',
    state: 'disabled',
    description: `is ${name}`,
    provides: ['scheduler'],
    ...more,
  });
  let answers: Record<string, unknown> = {};
  let server: Server;
  let output = '';
  let errors = '';

  const run = async (...words: string[]): Promise<number> => {
    output = '';
    errors = '';
    const code = await main(['scheduler', ...words, '--kubeconfig', kubeconfig]);
    return code;
  };

  beforeAll(async () => {
    const env = createRealEnv();
    const authority = await makeAuthority(env);
    const { certificatePem, keyPem } = await issueIdentity(env, authority, {
      commonName: 'server',
      names: ['127.0.0.1'],
      usages: ['server'],
    });
    server = createServer({ cert: certificatePem, key: keyPem }, (request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString()));
      request.on('end', () => {
        const what = `${request.method} ${request.url?.replace(/^\/apis\/([a-z]+)\.timonel\.dev\/v1/, '$1')}`;
        asked.push(`${what} ${body}`.trim());
        const answer = answers[what] ?? { code: 404, reason: 'NotFound', message: 'the server has no such path' };
        const { code = 200 } = answer as { code?: number };
        response.writeHead(code, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    writeKubeconfig(kubeconfig, {
      server: `https://127.0.0.1:${port}`,
      caCertificate: authority.certificatePem,
      token: 'x',
    });
    jest.spyOn(process.stdout, 'write').mockImplementation((text) => ((output += String(text)), true));
    jest.spyOn(process.stderr, 'write').mockImplementation((text) => ((errors += String(text)), true));
  });

  afterAll(async () => {
    jest.restoreAllMocks();
    await new Promise((resolve) => server.close(resolve));
    rmSync(directory, { recursive: true });
  });

  const status = (more: Partial<SchedulingStatus> = {}): SchedulingStatus => ({
    inCharge: 'scheduler-default',
    previous: null,
    active: true,
    shadow: null,
    probation: null,
    lastFallBack: null,
    external: [],
    ...more,
  });
  const swapped = {
    service: 'scheduler',
    from: 'scheduler-default',
    to: 'scheduler-binpack',
    pauseMs: 0.42,
    heldCalls: 3,
    drainedCalls: 0,
  };

  beforeEach(() => {
    asked.length = 0;
    answers = {
      'GET kernel/services/scheduler': { provider: 'scheduler-default' },
      'GET kernel/plugins': {
        items: [
          plugin('scheduler-binpack'),
          plugin('scheduler-default', { state: 'running' }),
          plugin('scheduler-bad', { state: 'failed', reason: 'ERR_X: old news' }),
          plugin('gc', { provides: [] }),
        ],
      },
      'GET scheduling/status': status({
        shadow: { scheduler: 'scheduler-binpack', state: 'running', startedAt: '', agreement: report.agreement },
        probation: { plugin: 'scheduler-default', previous: 'scheduler-bad', endsInMs: 41_200 },
        lastFallBack: {
          plugin: 'scheduler-bad',
          reason: 'it was too slow',
          at: new Date(Date.now() - 60_000).toISOString(),
        },
      }),
      'GET scheduling/shadow': report,
      'POST scheduling/shadow': report,
      'DELETE scheduling/shadow': { ...report, state: 'ended' },
      'POST scheduling/shadow/promote': swapped,
      'POST scheduling/revert': { ...swapped, from: 'scheduler-binpack', to: 'scheduler-default' },
    };
  });

  it('list who is in charge, in shadow and on probation, and the last fall-back', async () => {
    expect(await run('list')).toBe(0);
    const lines = output.split('\n');
    expect(lines.find((line) => line.startsWith('*'))).toMatch(
      /scheduler-default .* running .*in charge, on probation for 42 s \(before: scheduler-bad\)/,
    );
    expect(lines.find((line) => line.includes('scheduler-binpack'))).toContain('in shadow (agrees in 93.2 %)');
    expect(lines.find((line) => /^ +scheduler-bad /.test(line))).toMatch(/failed .* it was too slow \(60s ago\)$/);
    expect(output).not.toContain('gc');
    expect(await run('list', '-o', 'json')).toBe(0);
    expect(JSON.parse(output)).toMatchObject([
      { name: 'scheduler-binpack', inCharge: false, shadow: { state: 'running' }, probation: null },
      { name: 'scheduler-default', inCharge: true, shadow: null, probation: { endsInMs: 41_200 } },
      { name: 'scheduler-bad', lastFallBack: { reason: 'it was too slow' } },
    ]);
  });

  it('list what there is where nothing is tried', async () => {
    delete answers['GET scheduling/status'];
    expect(await run('list')).toBe(0);
    expect(output).toMatch(/scheduler-default .* in charge/);
    expect(output).toMatch(/scheduler-bad .* ERR_X: old news/);
  });

  it('put a scheduler into shadow by name or file, and end it', async () => {
    expect(await run('shadow', 'binpack')).toBe(0);
    expect(asked).toContain('POST scheduling/shadow {"scheduler":"scheduler-binpack"}');
    expect(output).toContain(
      'scheduler-binpack decides in shadow of scheduler-default and binds nothing; it gets 10 % of the time',
    );
    const file = join(directory, 'mine.ts');
    expect(await run('shadow', file)).toBe(2);
    expect(errors).toContain(`${file} does not exist`);
    writeFileSync(file, '');
    expect(await run('shadow', file, '--time-share', '7%')).toBe(0);
    expect(asked).toContain(`POST scheduling/shadow {"scheduler":"${file}","timeShare":0.07}`);
    answers['POST scheduling/shadow'] = { ...report, timeShare: 0.07 };
    await run('shadow', 'binpack');
    expect(output).toContain('it gets 7 % of the time');
    expect(await run('shadow', '--stop', '-o', 'json')).toBe(0);
    expect(JSON.parse(output)).toMatchObject({ state: 'ended' });
    expect(await run('shadow')).toBe(2);
    expect(errors).toContain('timonel scheduler shadow binpack');
    expect(await run('shadow', 'binpack', '--stop')).toBe(2);
  });

  it('say what can be named in place of what is no scheduler or is in charge already', async () => {
    const others = ['scheduler-binpack', 'scheduler-bad'];
    for (const verb of ['use', 'shadow']) {
      for (const name of ['nobody', 'gc']) {
        expect(await run(verb, name)).toBe(1);
        expect(errors).toContain(`There is no scheduler '${name}'. There are scheduler-binpack, scheduler-default, `);
        expect(errors).toContain('or give a file, like ./scheduler-mine.ts');
      }
      expect(await run(verb, 'default')).toBe(1);
      expect(errors).toBe(`error: scheduler-default is in charge already. Others: ${others.join(', ')}.\n`);
    }
    expect(asked.filter((request) => !request.startsWith('GET'))).toEqual([]);
  });

  it('list schedulers outside, with the hint', async () => {
    answers['GET scheduling/status'] = status({ external: [{ name: 'solver', hint: 'runs in namespace batch' }] });
    expect(await run('list')).toBe(0);
    expect(output).toMatch(/^ +solver +- +outside +pods of its name wait for it +runs in namespace batch/m);
    expect(await run('list', '-o', 'json')).toBe(0);
    expect((JSON.parse(output) as object[]).at(-1)).toMatchObject({ name: 'solver', state: 'outside' });
  });

  it('compare, as a table and as JSON', async () => {
    expect(await run('diff')).toBe(0);
    expect(output).toContain('Agreement: 93.2 %');
    expect(await run('diff', '-o', 'json')).toBe(0);
    expect(JSON.parse(output)).toEqual(report);
    answers['GET scheduling/status'] = status({ active: false });
    expect(await run('diff')).toBe(0);
    expect(errors).toContain('does not schedule at present');
    answers['GET scheduling/shadow'] = {
      code: 404,
      reason: 'NotFound',
      message: 'no scheduler is in shadow',
      details: { causes: [{ reason: 'no-shadow' }] },
    };
    expect(await run('diff')).toBe(1);
    expect(errors).toBe('error: no scheduler is in shadow: put one there by `timonel scheduler shadow NAME`.\n');
  });

  it('promote and go back', async () => {
    answers['GET scheduling/status'] = status({
      probation: { plugin: 'scheduler-binpack', previous: 'scheduler-default', endsInMs: 60_000 },
    });
    expect(await run('promote')).toBe(0);
    expect(output).toMatch(/^scheduler-default → scheduler-binpack: paused for 0.4 ms, 3 calls held back, none lost\n/);
    expect(output).toContain('On probation for 60 s: if it does badly, scheduler-default takes over again by itself');
    expect(await run('promote', '-o', 'json')).toBe(0);
    expect(JSON.parse(output)).toEqual(swapped);
    expect(await run('revert')).toBe(0);
    expect(output).toContain('scheduler-binpack → scheduler-default');
    delete answers['POST scheduling/revert'];
    expect(await run('revert')).toBe(1);
    expect(errors).toContain('scheduler-host');
  });

  it('have help with examples', async () => {
    for (const verb of ['list', 'use', 'shadow', 'diff', 'promote', 'revert']) {
      expect(await run(verb, '--help')).toBe(0);
      expect(output).toMatch(new RegExp(`Examples?:\n  timonel scheduler ${verb}`));
    }
  });
});
