import pickle
import unittest

import trialplate
from trialplate import _errors


class Errors(unittest.TestCase):
    def test_the_tree(self):
        for cls, base, kind in [
            (trialplate.NotFoundError, KeyError, "not-found"),
            (trialplate.AlreadyExistsError, Exception, "already-exists"),
            (trialplate.ConflictError, Exception, "conflict"),
            (trialplate.InvalidError, ValueError, "invalid"),
            (trialplate.RefusedError, Exception, "refused"),
            (trialplate.GateRefused, trialplate.RefusedError, "refused"),
            (trialplate.CorruptError, Exception, "corrupt"),
            (trialplate.IncompatibleError, Exception, "incompatible"),
            (trialplate.BusyError, TimeoutError, "busy"),
            (trialplate.StorageError, OSError, "storage"),
        ]:
            with self.subTest(cls=cls.__name__):
                self.assertTrue(issubclass(cls, base) and issubclass(cls, trialplate.TrialplateError))
                error = cls("it's “wrong”", code="some-code")
                self.assertEqual((str(error), error.code, error.kind), ("it's “wrong”", "some-code", kind))
                again = pickle.loads(pickle.dumps(error))
                self.assertIs(type(again), cls)
                self.assertEqual((str(again), again.code, again.kind), (str(error), error.code, error.kind))

    def test_every_kind_has_a_class(self):
        kinds = "not-found already-exists conflict invalid refused corrupt incompatible busy storage"
        for kind in kinds.split():
            error = _errors.make("c", kind, "m", None)
            self.assertEqual((error.kind, error.code), (kind, "c"))
            self.assertIsNot(type(error), trialplate.TrialplateError)
        self.assertIs(type(_errors.make("c", "of-tomorrow", "m", None)), trialplate.TrialplateError)
