/**
 * SFTP, version 3: what a client says to the file server of sshd, and what that answers.
 *
 *     packet    uint32 length, byte type, uint32 request id (none in INIT and VERSION), fields by type
 *     string    uint32 length, then that many bytes
 *     attrs     uint32 flags, then: size uint64 (1), uid and gid uint32 (2), mode uint32 (4), atime and mtime
 *               uint32 (8), count uint32 and pairs of strings (0x80000000)
 *
 * Source: draft-ietf-secsh-filexfer-02; OpenSSH, PROTOCOL section 4 for `…@openssh.com`. Page: docs/formats/sftp.md.
 */

export { createPackets } from "../ssh-packets.ts";
export { type Ask, type Attributes, encodeAsk, encodeInit, OpenFlag } from "./ask.ts";
export { decodeReply, type Reply, type Status } from "./reply.ts";
