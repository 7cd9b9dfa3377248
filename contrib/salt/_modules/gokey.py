"""gokey.key('web-1/ssh'): keyward.derive by the talk's name for it."""


def key(realm, version=None):
    return __salt__["keyward.derive"](realm, version)
