/** Refuses pods whose image is tagged `:latest` or not tagged at all. */
import { definePlugin } from '@timonel/sdk';
import { apiHooks } from '@timonel/sdk/contracts/api-server';
import type { Pod } from '@timonel/sdk/kube';

const isLatest = (image: string): boolean => image.endsWith(':latest') || !/[:@][^/]*$/.test(image);

export default definePlugin({
  name: 'deny-latest',
  version: '1.0.0',
  apiVersion: 1,
  description: 'refuses images tagged :latest',
  setup(ctx) {
    ctx.tap(apiHooks.objectValidate, (object, { resource, operation, subresource }) => {
      if (resource !== 'pods' || operation === 'DELETE' || subresource !== '') return undefined;
      return (object as unknown as Pod).spec.containers.flatMap(({ image = '' }, index) => {
        const message = `Invalid value: "${image}": images tagged :latest are not allowed, name a version`;
        return isLatest(image)
          ? [{ field: `spec.containers[${index}].image`, reason: 'FieldValueInvalid', message }]
          : [];
      });
    });
  },
});
