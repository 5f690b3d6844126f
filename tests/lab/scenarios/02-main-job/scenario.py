import judge


def run(lab):
    lab.up()
    lab.boot(lab.site(idle="12 s"))
    judge.enrolled(lab)
    lab.closed("before a session nothing passes")
    judge.session(lab)
    judge.nothing_else(lab)
    judge.plain_words(lab)
    judge.idle_end(lab, 12)
    lab.closed("after it nothing passes")
