import type { TestApiServer } from './api-server.ts';
import { outputOf, runProgram } from './cluster.ts';
import { kubernetesTools } from './kubectl.ts';

/** Real kubectl in a namespace: resolves with what it prints. @throws Error when it fails */
export const kubectlIn =
  ({ kubeconfig, kernel }: Pick<TestApiServer, 'kubeconfig' | 'kernel'>, namespace: string) =>
  async (...args: string[]): Promise<string> => {
    const { kubectl } = await kubernetesTools();
    const env = { KUBECONFIG: kubeconfig, HOME: kernel.dataDir };
    const result = await runProgram(kubectl, ['-n', namespace, ...args], { env, timeoutMs: 30_000 });
    return outputOf(result, `kubectl ${args.join(' ')}`);
  };
