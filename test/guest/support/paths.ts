import { join } from 'node:path';

/** Of the repository. */
export const root: string = join(import.meta.dirname, '..', '..', '..');
