/**
 * The key that licenses are verified with: base64url of an Ed25519 public key. Its private half signed the community
 * license and was never written anywhere (`docs/license.md`).
 */
export const communityPublicKey = "lvmUYcHQ5qzjJzq3okKv6RP8Ri25mRWFziaHIXeFsgM"
