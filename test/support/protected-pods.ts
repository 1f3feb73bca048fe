/** An admission that refuses the deletion of pods whose name begins with `protected`. */
import { definePlugin, type AnyPlugin } from '@timonel/sdk';
import { apiHooks, refuse } from '@timonel/sdk/contracts/api-server';
import { ApiError } from '@timonel/sdk/kube';

export function protectPods(onRefusal: () => void = () => undefined): AnyPlugin {
  return definePlugin({
    name: 'admission-protected',
    version: '0.1.0',
    apiVersion: 1,
    setup(ctx) {
      ctx.tap(apiHooks.objectValidate, (_object, { operation, resource, name }) => {
        if (operation !== 'DELETE' || resource !== 'pods' || !name.startsWith('protected')) return undefined;
        onRefusal();
        return [refuse(new ApiError('Forbidden', `pod ${name} is protected`))];
      });
      return {};
    },
  });
}
