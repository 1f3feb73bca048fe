/** Real kubectl and helm with an API server in this process, and a home of its own. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { startApiServer, type TestApiServer, type TestApiServerOptions } from './api-server.ts';
import { runProgram, type RunResult } from './cluster.ts';
import { kubernetesTools, type Tools } from './kubectl.ts';

export interface KubectlServer {
  readonly server: TestApiServer;
  readonly tools: Tools;
  /** What they have to find in their environment. */
  readonly env: NodeJS.ProcessEnv;
  /** Runs kubectl. */
  run(args: readonly string[], input?: string, env?: NodeJS.ProcessEnv): Promise<RunResult>;
}

/** Stop `server` when it is done. */
export async function startKubectlServer(options: TestApiServerOptions = {}): Promise<KubectlServer> {
  const tools = await kubernetesTools();
  const server = await startApiServer(options);
  const home = join(server.kernel.dataDir, 'home');
  mkdirSync(home);
  const env = { KUBECONFIG: server.kubeconfig, HOME: home };
  return {
    server,
    tools,
    env,
    run: (args, input, more = {}) =>
      runProgram(tools.kubectl, args, {
        env: { ...env, ...more },
        timeoutMs: 30_000,
        ...(input === undefined ? {} : { input }),
      }),
  };
}
