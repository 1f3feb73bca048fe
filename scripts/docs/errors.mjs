// The reference of errors: codes of the kernel and the store, reasons of the API, the runtime and images, exit codes.
import { exitCodeTable } from './cli.mjs';
import { code, described, page, table } from './markdown.mjs';
import { commentBefore, load, read, unionOf } from './sources.mjs';

const storeMeanings = {
  COMPACTED: 'the revision is older than what the store keeps: list again, then watch from there',
  FUTURE_REVISION: 'the revision has not been written yet',
  SLOW_WATCHER: 'the consumer of a watch is too far behind: watch again from the last delivered revision + 1',
  STOPPED: 'the store has been stopped',
  LEASE_NOT_FOUND: 'the lease has expired, was revoked, or never was',
  TOO_LARGE: 'a key, a value or a transaction is over its limit',
  NO_SPACE: 'the disk or the memory map is full: nothing was written',
  UNAVAILABLE:
    'the store cannot answer now: try again; a write may have happened all the same, unless the error has `notApplied: true`',
  REFUSED: 'a request of an operator that cannot be done now: the message says why, and nothing was changed',
  CORRUPT: 'a file is damaged: nothing was changed, the message says what to do',
};

const runtimeMeanings = {
  CreateContainerError: 'the container could not be made',
  StartError: 'the command could not be executed; exit code 126: not executable, 127: not found, 128: other',
  ContainerCannotRun: 'the container was made but cannot run',
  CreateContainerConfigError: 'the configuration of the container is not valid for this node',
  FailedCreatePodSandBox: 'what the containers of the pod share could not be made',
};

const imageMeanings = {
  ErrImagePull: 'the image is not on this node, and cannot be pulled',
  ErrImageNeverPull: 'the image is not on this node, and the pull policy is Never',
  InvalidImageName: 'the reference is not a valid image name',
  ImageInspectError: 'the image or the archive cannot be read',
  CorruptImage: 'a digest does not fit its content',
  RegistryUnavailable: 'the registry cannot be reached, is busy, or fails: the same may succeed later',
  ErrImagePush: 'the registry does not take the image: the message says why, and what to do',
};

const networkMeanings = {
  ADDRESSES_EXHAUSTED: 'the address range of the pods has no free address',
  COMMAND_FAILED: 'a command (ip, nft) failed: the message has what it printed',
  NO_NAMESPACE: 'the runtime gave no network namespace',
};

const runtimeTypes = 'sdk/dist/contracts/runtime/index.d.ts';
const imageTypes = 'sdk/dist/contracts/images/index.d.ts';

/** Reasons as the doc comment of the class lists them. */
function reasonsOf(path, errorClass) {
  const text = read(path);
  const comment = commentBefore(text.slice(text.indexOf(`class ${errorClass}`)), 'readonly reason: string') ?? '';
  return [...comment.matchAll(/`(\w+)`/g)].map(([, reason]) => reason);
}

function meaningTable(header, rows) {
  return table(
    [header, 'meaning'],
    rows.map(([name, meaning]) => [code(name), meaning]),
  );
}

async function kernelTable() {
  const { kernelErrorCodes, KernelError } = await load('sdk/dist/kernel/index.js');
  const { kernelStatus } = await load('plugins/api-kernel/dist/kernel-status.js');
  const rows = Object.entries(kernelErrorCodes).map(([name, meaning]) => {
    const { status } = kernelStatus(new KernelError(name, meaning));
    return [code(name), meaning, `${status.code} ${status.reason}`];
  });
  return table(['code', 'meaning', 'over the API'], rows);
}

async function statusTable() {
  const { ApiError } = await load('sdk/dist/kube/index.js');
  const reasons = unionOf('sdk/dist/kube/status.d.ts', 'StatusReason');
  return table(
    ['reason', 'HTTP'],
    reasons.map((reason) => [code(reason), new ApiError(reason, '').status.code]),
  );
}

export async function errorsPage() {
  const { exitCodes } = await load('cli/dist/errors.js');
  const { pkiErrorCodes } = await load('sdk/dist/pki/errors.js');
  const { joinErrorCodes } = await load('sdk/dist/join/errors.js');
  return page(
    'Errors',
    'Recognise an error by its `code`, `reason` or `name`, never by `instanceof`: a plugin may carry another copy of the sdk.',
    '## Kernel',
    '`KernelError` has `code`, `plugin` (who is to blame), `retryable` and `cause`. A code is never used again for another meaning. `timonel plugin list` shows the code and the message of the last fault. The API answers with a `Status`, whose first cause has the code as its reason.',
    await kernelTable(),
    '## Store',
    '`StoreError` has a `code`.',
    meaningTable(
      'code',
      described('StoreErrorCode', unionOf('sdk/dist/contracts/store/index.d.ts', 'StoreErrorCode'), storeMeanings),
    ),
    '## API',
    '`ApiError` carries the `metav1.Status` that clients get; branch on `reason`.',
    await statusTable(),
    '## Container runtime',
    '`RuntimeError` has the `reason` that the status of the pod shows, and with `StartError` an `exitCode`.',
    meaningTable(
      'reason',
      described('reasons of RuntimeError', reasonsOf(runtimeTypes, 'RuntimeError'), runtimeMeanings),
    ),
    '## Images',
    '`ImageError` has a `reason`.',
    meaningTable('reason', described('reasons of ImageError', reasonsOf(imageTypes, 'ImageError'), imageMeanings)),
    '## Network',
    '`NetworkError` has a `code`.',
    meaningTable('code', described('codes of NetworkError', networkCodes(), networkMeanings)),
    '## Certificates and joining',
    '`PkiError` (`@timonel/sdk/pki`) and `JoinError` (`@timonel/sdk/join`) have a `code`.',
    meaningTable('code', [...Object.entries(pkiErrorCodes), ...Object.entries(joinErrorCodes)]),
    '## Exit codes of the command',
    exitCodeTable(exitCodes),
  );
}

function networkCodes() {
  const text = read('sdk/dist/contracts/network/index.d.ts');
  const union = /readonly code: ([^;]*);/.exec(text)?.[1] ?? '';
  return [...union.matchAll(/'(\w+)'/g)].map(([, name]) => name);
}
