import checks


def run(lab):
    lab.up()
    lab.boot(lab.site(idle="12 s"))
    checks.enrolled(lab)
    lab.closed("before a session nothing passes")
    checks.session(lab)
    checks.nothing_else(lab)
    checks.plain_words(lab)
    checks.idle_end(lab, 12)
    lab.closed("after it nothing passes")
