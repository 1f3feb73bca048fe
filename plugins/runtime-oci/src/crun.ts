import type { AnyPlugin } from '@timonel/sdk';
import { ociPlugin } from './oci-plugin.ts';

const plugin: AnyPlugin = ociPlugin('crun');

export default plugin;
