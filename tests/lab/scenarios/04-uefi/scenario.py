import judge


def run(lab):
    lab.up()
    lab.boot(lab.site(), uefi=True)
    judge.enrolled(lab)
    judge.session(lab)
    judge.nothing_else(lab)
    judge.plain_words(lab)
