import { readFile } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { definePlugin, errorMessage, type AnyPlugin } from '@timonel/sdk';
import { auditSink } from '@timonel/sdk/contracts/audit';
import { z } from 'zod';
import { auditMetrics } from './metrics.ts';
import { defaultPolicy, parsePolicy, verdict, type Policy } from './policy.ts';
import { RequestRecord } from './record.ts';
import { RotatingFile } from './rotating-file.ts';

const megabyte = 1024 * 1024;

async function policyOf(file: string | undefined): Promise<Policy> {
  if (file === undefined) return defaultPolicy;
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    throw new Error(`the audit policy ${file} cannot be read: ${errorMessage(cause)}`, { cause });
  }
  return parsePolicy(text, file);
}

/** The audit log: who did what over the API, in the form of Kubernetes. */
const plugin: AnyPlugin = definePlugin({
  name: 'audit-log',
  version: '0.1.0',
  apiVersion: 1,
  description:
    'Writes an audit log of requests, by a policy of Kubernetes; bodies of Secrets and tokens are never in it.',
  swap: 'drain',
  provides: { sink: auditSink },
  config: z.strictObject({
    /** A Policy of audit.k8s.io/v1. Default: metadata of all that changes something and of reads of Secrets, without heartbeats and events. */
    policyFile: z.string().min(1).optional(),
    /** Where lines of JSON go. `-`: to the standard output. Relative: in the data directory of the plugin. */
    path: z.string().min(1).default('audit.log'),
    /** A file that would get larger is put aside, in MiB. */
    maxSizeMiB: z.int().min(1).max(100_000).default(100),
    /** Files that were put aside, at most; older ones are removed. */
    maxFiles: z.int().min(0).max(10_000).default(10),
    /** Events that wait to be written, in MiB. What comes beyond is lost, and counted. */
    queueMiB: z.int().min(1).max(1024).default(16),
  }),
  async setup(ctx) {
    const { config, env, log, dataDir } = ctx;
    const policy = await policyOf(config.policyFile);
    const metrics = ctx.metrics(auditMetrics);
    const path = isAbsolute(config.path) ? config.path : join(dataDir, config.path);
    let complained = false;
    const file = new RotatingFile({
      path,
      maxBytes: config.maxSizeMiB * megabyte,
      maxFiles: config.maxFiles,
      queueBytes: config.queueMiB * megabyte,
      timestamp: () => env.clock.timestamp(),
      lost: (lines, why) => {
        metrics.lost.of('log').add(lines);
        if (!complained)
          log.warn({ path, error: why }, 'audit events are lost: the metric apiserver_audit_error_total counts them');
        complained = true;
      },
    });
    const toOutput = config.path === '-';
    const write = (line: string): void => (toOutput ? void process.stdout.write(`${line}\n`) : file.write(line));
    return {
      provides: {
        sink: {
          begin(request) {
            const decided = verdict(policy, request);
            if (decided.level === 'None') return undefined;
            return new RequestRecord({
              request,
              verdict: decided,
              clock: env.clock,
              write: (event) => {
                metrics.events.of().add();
                write(JSON.stringify(event));
              },
            });
          },
        },
      },
      start: () => (toOutput ? undefined : file.open()),
      stop: () => file.close(),
    };
  },
});

export default plugin;
