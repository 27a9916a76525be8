import { PURPOSE, SEKIMORI_ARC } from '@sekimori/pki';

/** Extended key usage of a health certificate: this key receives what a relying party releases to a healthy host. */
export const HOST_HEALTH = PURPOSE.hostHealth;
/** The extension that holds the claims. */
export const HOST_HEALTH_CLAIMS = `${SEKIMORI_ARC}.2.1`;
