import { definePlugin, type AnyPlugin } from '@timonel/sdk';
import { authenticator } from '@timonel/sdk/contracts/auth';
import { authenticate } from './bootstrap-token.ts';

/** Bootstrap tokens, as kubeadm and others make them. */
const plugin: AnyPlugin = definePlugin({
  name: 'auth-bootstraptoken',
  version: '0.1.0',
  apiVersion: 1,
  description: 'Authenticates by bootstrap tokens: Secrets of type bootstrap.kubernetes.io/token in kube-system.',
  swap: 'never',
  provides: { authenticator },
  setup: ({ env: { clock } }) => ({
    provides: { authenticator: { authenticate: (credentials, objects) => authenticate(credentials, objects, clock) } },
  }),
});

export default plugin;
