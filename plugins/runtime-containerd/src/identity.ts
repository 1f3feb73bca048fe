import { createHash } from 'node:crypto';
import { RuntimeError } from '@timonel/sdk/contracts/runtime';

/** Labels of what we make in containerd: they find it again. */
export const labels = { instance: 'timonel.io/instance', id: 'timonel.io/id' } as const;
/** Annotation that holds, as JSON, what our own statuses tell. */
export const storedAnnotation = 'timonel.io/stored';

/** Two clusters, or two tests, may share one containerd. */
export function instanceOf(dataDir: string): string {
  return createHash('sha256').update(dataDir).digest('hex').slice(0, 10);
}

export function isId(id: string): boolean {
  return /^[a-z0-9]([-a-z0-9_.]{0,198}[a-z0-9])?$/.test(id);
}

/** Ids become names of directories and control groups. */
export function checkId(id: string, reason: string): void {
  if (isId(id)) return;
  throw new RuntimeError(reason, `"${id}" is not a usable id: lower case letters, digits and "-", at most 200`);
}
