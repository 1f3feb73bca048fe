import { definePlugin, type AnyPlugin } from '@timonel/sdk';
import { authenticator, type Authentication, type Credentials } from '@timonel/sdk/contracts/auth';

const everyone = 'system:authenticated';

/** CN is the user, each O a group, as in Kubernetes. */
function authenticate({ certificate }: Credentials): Authentication {
  if (certificate === undefined || certificate.commonName === '') return { outcome: 'unknown' };
  const groups = [...new Set([...certificate.organizations, everyone])];
  return {
    outcome: 'authenticated',
    user: Object.freeze({
      username: certificate.commonName,
      uid: '',
      groups: Object.freeze(groups),
      extra: Object.freeze({}),
    }),
  };
}

/** Client certificates. The API server has verified them already. */
const plugin: AnyPlugin = definePlugin({
  name: 'auth-certificate',
  version: '0.1.0',
  apiVersion: 1,
  description: "Authenticates by client certificates of the cluster's authority: CN is the user, each O a group.",
  provides: { authenticator },
  setup: () => ({
    provides: { authenticator: { authenticate: (credentials) => Promise.resolve(authenticate(credentials)) } },
  }),
});

export default plugin;
