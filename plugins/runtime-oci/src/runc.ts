import type { AnyPlugin } from '@timonel/sdk';
import { ociPlugin } from './oci-plugin.ts';

const plugin: AnyPlugin = ociPlugin('runc');

export default plugin;
