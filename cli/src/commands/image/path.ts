/** Where the node's images are in its API. */
export const imagesPath = '/apis/kernel.timonel.dev/v1/images';
