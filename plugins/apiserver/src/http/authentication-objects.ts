/** Lets authenticators look up the objects that their credentials are bound to. */
import type { Many, Provider } from '@timonel/sdk';
import type { AuthenticationObjects, Authenticator } from '@timonel/sdk/contracts/auth';

function withObjects(
  { service, ...provider }: Provider<Authenticator>,
  objects: AuthenticationObjects,
): Provider<Authenticator> {
  return { ...provider, service: { authenticate: (credentials) => service.authenticate(credentials, objects) } };
}

/** The same authenticators, each of which is given the objects with every question. */
export function authenticatorsWith(
  authenticators: Many<Authenticator>,
  objects: AuthenticationObjects,
): Many<Authenticator> {
  const wrapped = (): Provider<Authenticator>[] =>
    authenticators.all().map((provider) => withObjects(provider, objects));
  let current = wrapped();
  authenticators.onChange(() => {
    current = wrapped();
  });
  return { all: () => current, onChange: (listener) => authenticators.onChange(listener) };
}
