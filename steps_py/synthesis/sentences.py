"""Random sentences from a small grammar.

Every utterance has a different text, so that speakers cannot be distinguished by it.  The word
lists cover all English phonemes.
"""

# one word per line would be less readable
# ruff: noqa: SIM905

ADJECTIVES = (
    "old early quiet heavy yellow narrow bright hollow gentle wooden foreign sudden little"
    " thick cheap royal noisy famous careful silver purple frozen distant strange northern"
    " broken clever useful golden smooth weary vivid rough joyful azure earthy"
).split()
NOUNS = (
    "train river bridge garden teacher window engine captain village mountain kitchen letter"
    " harbour farmer orchard ladder candle measure pocket judge thunder feather vessel shadow"
    " market doctor basket journey picture weather island singer valley treasure machine"
    " youth poet chimney voyage leather question beach tiger soldier lion onion author"
).split()
VERBS = (
    "carried followed painted answered measured finished watched opened crossed visited moved"
    " borrowed noticed pushed gathered changed repaired counted reached forgot brought chose"
    " washed enjoyed hid threw buried judged avoided employed"
).split()
PLACES = (
    "over the hill|near the church|before noon|behind the old mill|under a tall oak|after the"
    " storm|beside the railway|in the third house|by the southern shore|without any reason|on a"
    " cold Thursday|through the open door|at the far end of the road|during the long voyage"
    "|inside the empty theatre|above the noisy street"
).split("|")
OPENINGS = (
    "the|every|another|this|one|her|our|their|that|no|any|his|my|some other|the same|each"
).split("|")


def sentence(rng):
    """One sentence of seven to thirteen words.

    >>> from steps_py.draws import generator
    >>> text = sentence(generator(1, "doctest"))
    >>> text.endswith("."), 7 <= len(text.split()) <= 20
    (True, True)
    """

    def pick(words):
        return words[int(rng.integers(len(words)))]

    def phrase():
        return f"{pick(OPENINGS)} {pick(ADJECTIVES)} {pick(NOUNS)}"

    return f"{phrase()} {pick(VERBS)} {phrase()} {pick(PLACES)}.".capitalize()
