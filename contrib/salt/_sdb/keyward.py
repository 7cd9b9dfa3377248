"""sdb://PROFILE/web-1/ssh: a key of this machine's seed. The profile: `{driver: keyward}`."""


def get(key, profile=None):
    return __salt__["keyward.derive"](key)
