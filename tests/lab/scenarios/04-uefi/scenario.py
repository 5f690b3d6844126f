import checks


def run(lab):
    lab.up()
    lab.boot(lab.site(), uefi=True)
    checks.enrolled(lab)
    checks.session(lab)
    checks.nothing_else(lab)
    checks.plain_words(lab)
