/** Ranges of the bed that data planes are told. */
export const serviceCidr = '10.215.0.0/16';
export const serviceCidr6 = 'fd00:215::/112';
export const podCidr = '10.214.1.0/24';
export const podCidr6 = 'fd00:214:1::/64';
