import { RuntimeError, type SandboxConfig } from '@timonel/sdk/contracts/runtime';
import type { OciLinux } from './spec.ts';

/** Ids of the pod as ids of the node; nothing without a user namespace of its own. */
export function idMappings({ userNamespace }: SandboxConfig): Pick<OciLinux, 'uidMappings' | 'gidMappings'> {
  if (userNamespace === undefined) return {};
  const { firstUid, firstGid, length } = userNamespace;
  return {
    uidMappings: [{ containerID: 0, hostID: firstUid, size: length }],
    gidMappings: [{ containerID: 0, hostID: firstGid, size: length }],
  };
}

/** @throws RuntimeError */
export function checkUserNamespace(config: SandboxConfig): void {
  const { userNamespace, hostNetwork, hostPid, hostIpc } = config;
  if (userNamespace === undefined) return;
  const { firstUid, firstGid, length } = userNamespace;
  const isRange = [firstUid, firstGid, length].every(
    (id) => Number.isInteger(id) && id > 0 && id + length <= 2 ** 32 - 1,
  );
  if (!isRange) refuse(`the ids of its user namespace are no range of ids: ${JSON.stringify(userNamespace)}`);
  if (hostNetwork || hostPid || hostIpc)
    refuse('a pod with a user namespace of its own shares no namespaces of the node');
}

function refuse(text: string): never {
  throw new RuntimeError('FailedCreatePodSandBox', text);
}
