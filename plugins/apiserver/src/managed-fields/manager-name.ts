/** Under which name a client owns fields: what it says, or else the first word of its User-Agent. */
import { ApiError } from '@timonel/sdk/kube';

const lengthLimit = 128;
const unprintable = /[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/gu;

/** The refusal of a query parameter, as Kubernetes words it: `CreateOptions`, `UpdateOptions`, `PatchOptions`. */
export function invalidOption(options: string, field: string, reason: string, message: string): ApiError {
  return new ApiError('Invalid', `${options}.meta.k8s.io "" is invalid: ${field}: ${message}`, {
    group: 'meta.k8s.io',
    kind: options,
    causes: [{ reason, message, field }],
  });
}

/** @throws ApiError Invalid */
export function checkedManager(name: string, options: string): string {
  if (name.length > lengthLimit) {
    const message = `Too long: may not be more than ${lengthLimit} bytes`;
    throw invalidOption(options, 'fieldManager', 'FieldValueTooLong', message);
  }
  if (name.search(unprintable) !== -1) {
    const message = `Invalid value: ${JSON.stringify(name)}: should only contain printable characters`;
    throw invalidOption(options, 'fieldManager', 'FieldValueInvalid', message);
  }
  return name;
}

let lastAgent: { readonly userAgent: string | undefined; readonly name: string } | undefined;

/** `kubectl/v1.35.0 (linux/amd64)` → `kubectl` */
export function managerOfAgent(userAgent: string | undefined): string {
  if (lastAgent === undefined || lastAgent.userAgent !== userAgent) {
    lastAgent = { userAgent, name: agentName(userAgent) };
  }
  return lastAgent.name;
}

function agentName(userAgent: string | undefined): string {
  const [first = ''] = (userAgent ?? '').split('/', 1);
  const name = first.replaceAll(unprintable, '').slice(0, lengthLimit);
  return name === '' ? 'unknown' : name;
}
